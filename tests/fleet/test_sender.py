"""The program that sends the load of tenants: what it says that it sent is what the server has."""

import pytest
from harness import sigv4
from harness.server import Server
from harness.wire import Wire, blob, wait_active
from sender import Sender, mix

KEY = sigv4.Credentials("test", "test")
STREAM = "sent"


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "data") as running:
        wire = Wire(running.port, credentials=KEY)
        wire.call("CreateStream", StreamName=STREAM, ShardCount=1)
        wait_active(wire, STREAM)
        running.wire = wire
        yield running
        wire.close()


def many(records, text="x"):
    return {"StreamName": STREAM, "Records": [{"PartitionKey": f"k{i}", "Data": blob(text.encode())} for i in range(records)]}


def keys_stored(server):
    shard = server.wire.call("ListShards", StreamName=STREAM)["Shards"][0]["ShardId"]
    iterator = server.wire.call("GetShardIterator", StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = server.wire.call("GetRecords", ShardIterator=iterator["ShardIterator"])["Records"]
    return [record["PartitionKey"] for record in records]


def sent(server, mixes, seconds):
    return Sender([server.port], KEY, mixes, seconds).result()


def test_every_request_of_a_rate_is_sent_or_counted_as_late(server):
    result = sent(server, [mix("PutRecords", [many(2)], 50, 4), mix("DescribeLimits", [{}], 10, 1)], 2)
    puts, described = result["PutRecords"], result["DescribeLimits"]
    assert puts["answers"][""] + puts["late"] == 100
    assert sum(described["answers"].values()) + described["late"] == 20
    assert len(puts["latencies"]) == len(puts["taken"]) == puts["answers"][""]
    assert len(keys_stored(server)) == 2 * puts["answers"][""]


def test_of_a_planned_request_as_many_records_are_sent_as_are_planned(server):
    planned = mix("PutRecords", [many(5), many(3)], 1, 1) | {"moments": [[0.0, 0, 2], [0.05, 1, 3]]}
    result = sent(server, [planned], 1)["PutRecords"]
    assert result["answers"] == {"": 2}
    assert [entry[1:] for entry in result["taken"]] == [[0, 2], [1, 3]]
    assert keys_stored(server) == ["k0", "k1", "k0", "k1", "k2"]


def test_what_was_refused_of_the_planned_is_sent_again_until_it_is_taken(server):
    planned = mix("PutRecords", [many(450)], 1, 2) | {"moments": [[0.01 * i, 0, 450] for i in range(5)]}
    result = sent(server, [planned], 30)["PutRecords"]
    assert result["failed_records"] > 0
    assert sum(records for _, _, records in result["taken"]) == 5 * 450 == len(keys_stored(server))


def test_errors_are_counted_by_their_name(server):
    put = {"StreamName": "none", "PartitionKey": "k", "Data": blob(b"x")}
    result = sent(server, [mix("PutRecord", [put], 20, 2)], 1)["PutRecord"]
    assert set(result["answers"]) == {"ResourceNotFoundException"} and result["taken"] == []
