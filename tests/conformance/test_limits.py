"""The limits that are on by default, each at its exact number. Over any second a shard admits at most its limit and one request
more, so a test that sends twice the limit within a second must see exactly the limit served or one request above."""
import time

import pytest

from harness.wire import ApiError, Wire, blob, wait_active

SHARD = "shardId-000000000000"


@pytest.fixture
def limited(server, stream_name):
    """(wire, stream of one shard) on the server with limits."""
    wire = Wire(server.port)
    create_patiently(wire, stream_name)
    wait_active(wire, stream_name)
    yield wire, stream_name
    wire.post("DeleteStream", {"StreamName": stream_name})
    wire.close()


def create_patiently(wire, stream, shards=1):
    """Five CreateStream a second are allowed, and other tests make streams, too."""
    for _ in range(20):
        try:
            wire.call("CreateStream", StreamName=stream, ShardCount=shards)
            return
        except ApiError as error:
            assert error.code == "LimitExceededException"
            time.sleep(0.5)
    raise TimeoutError("CreateStream is refused again and again")


def rate_exceeded(stream):
    return f"Rate exceeded for shard {SHARD} in stream {stream} under account 000000000000."


def put_many(wire, stream, count, data=b"x"):
    return wire.call("PutRecords", StreamName=stream, Records=[{"PartitionKey": "k", "Data": blob(data)}] * count)


def test_a_shard_takes_a_thousand_records_a_second(limited):
    wire, stream = limited
    started = time.monotonic()
    answers = [put_many(wire, stream, 500) for _ in range(4)]
    if time.monotonic() - started > 0.9:
        pytest.skip("this machine was too slow to send 2,000 records within a second")
    accepted = sum(500 - answer["FailedRecordCount"] for answer in answers)
    assert 1000 <= accepted <= 1001
    refused = [entry for answer in answers for entry in answer["Records"] if "ErrorCode" in entry]
    assert {(entry["ErrorCode"], entry["ErrorMessage"]) for entry in refused} == {
        ("ProvisionedThroughputExceededException", rate_exceeded(stream))}
    assert all(set(entry) == {"ErrorCode", "ErrorMessage"} for entry in refused)
    assert wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": ""}).error == (
        "ProvisionedThroughputExceededException", rate_exceeded(stream))
    time.sleep(1.1)
    assert put_many(wire, stream, 500)["FailedRecordCount"] == 0


def test_a_shard_takes_a_mebibyte_a_second(limited):
    wire, stream = limited
    size = 100 * 1024
    started = time.monotonic()
    answer = put_many(wire, stream, 20, bytes(size))
    if time.monotonic() - started > 0.9:
        pytest.skip("this machine was too slow to send 2 MiB within a second")
    accepted = 20 - answer["FailedRecordCount"]
    assert accepted in (10, 11), "1 MiB holds ten such records and a part of the eleventh"
    time.sleep(1.1)
    assert put_many(wire, stream, 1, bytes(size))["FailedRecordCount"] == 0


def test_a_shard_is_read_five_times_a_second(limited):
    wire, stream = limited
    iterator = wire.call("GetShardIterator", StreamName=stream, ShardId=SHARD, ShardIteratorType="LATEST")["ShardIterator"]
    started = time.monotonic()
    responses = [wire.post("GetRecords", {"ShardIterator": iterator}) for _ in range(10)]
    if time.monotonic() - started > 0.9:
        pytest.skip("this machine was too slow to read ten times within a second")
    served = [response for response in responses if response.status == 200]
    assert 5 <= len(served) <= 6
    assert responses[-1].error == ("ProvisionedThroughputExceededException", rate_exceeded(stream))
    time.sleep(1.1)
    assert wire.post("GetRecords", {"ShardIterator": iterator}).status == 200


def test_calls_of_an_operation_are_limited_per_account(limited):
    wire, _ = limited
    time.sleep(1.1)
    started = time.monotonic()
    responses = [wire.post("ListStreams") for _ in range(12)]
    if time.monotonic() - started > 0.9:
        pytest.skip("this machine was too slow to list streams twelve times within a second")
    served = sum(response.status == 200 for response in responses)
    assert 5 <= served <= 6
    code, message = responses[-1].error
    assert code == "LimitExceededException" and message.startswith("Rate exceeded for ")


def test_rates_are_off_when_told_so(wire, stream):
    for _ in range(4):
        assert put_many(wire, stream, 500)["FailedRecordCount"] == 0
    for _ in range(30):
        assert wire.post("ListStreams").status == 200


def test_sizes_stay_when_rates_are_off(wire, stream):
    response = wire.post("PutRecords", {"StreamName": stream, "Records": [{"PartitionKey": "k", "Data": ""}] * 501})
    assert response.error[0] == "ValidationException"
    entries = [{"PartitionKey": "k", "Data": blob(bytes(1000 * 1024))}] * 11
    response = wire.post("PutRecords", {"StreamName": stream, "Records": entries})
    assert response.error == ("InvalidArgumentException", "Records size exceeds 10 MB limit")


def test_get_records_gives_at_most_ten_mebibytes(wire, stream, iterator):
    for _ in range(3):
        wire.call("PutRecords", StreamName=stream, Records=[
            {"PartitionKey": "k", "ExplicitHashKey": "0", "Data": blob(bytes(1000 * 1024))}] * 5)
    answer = wire.call("GetRecords", ShardIterator=iterator())
    assert len(answer["Records"]) == 10
    assert answer["MillisBehindLatest"] > 0
    rest = wire.call("GetRecords", ShardIterator=answer["NextShardIterator"])
    assert len(rest["Records"]) == 5 and rest["MillisBehindLatest"] == 0


def test_get_records_gives_at_most_the_limit(wire, stream, iterator):
    for _ in range(2):
        wire.call("PutRecords", StreamName=stream, Records=[
            {"PartitionKey": "k", "ExplicitHashKey": "0", "Data": ""}] * 500)
    position, seen = iterator(), []
    for limit in (1, 10, 500, 10000):
        answer = wire.call("GetRecords", ShardIterator=position, Limit=limit)
        seen.append(len(answer["Records"]))
        position = answer["NextShardIterator"]
    assert seen == [1, 10, 500, 489]
