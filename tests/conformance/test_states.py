"""What a stream answers while it is being made, changed and deleted. State changes take a second and a half here."""
import time

import pytest

from harness.server import Server
from harness.wire import Wire, wait_active

ACCOUNT = "000000000000"
SLOW = {"directory.create_time": "1500ms", "directory.update_time": "1500ms", "directory.delete_time": "1500ms",
        "limits.enforce_rates": "false"}


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("weir-slow") / "data", SLOW) as running:
        wire = Wire(running.port)
        yield wire
        wire.close()


def not_active(stream, state):
    return ("ResourceInUseException", f"Stream {stream} under account {ACCOUNT} not ACTIVE, instead in state {state}")


def state_of(wire, stream):
    return wire.call("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]["StreamStatus"]


def test_a_stream_that_is_being_made_has_no_shards_yet(slow):
    slow.call("CreateStream", StreamName="making", ShardCount=1, Tags={"early": "yes"})
    assert state_of(slow, "making") == "CREATING"
    described = slow.call("DescribeStream", StreamName="making")["StreamDescription"]
    assert described["Shards"] == [] and described["HasMoreShards"] is False
    missing = ("ResourceNotFoundException", f"Stream making under account {ACCOUNT} not found.")
    assert slow.post("PutRecord", {"StreamName": "making", "PartitionKey": "k", "Data": ""}).error == missing
    records = [{"PartitionKey": "k", "Data": ""}]
    assert slow.post("PutRecords", {"StreamName": "making", "Records": records}).error == missing
    assert slow.post("GetShardIterator", {"StreamName": "making", "ShardId": "shardId-0", "ShardIteratorType": "LATEST"}).error == (
        "ResourceNotFoundException", f"Shard shardId-000000000000 in stream making under account {ACCOUNT} does not exist")
    assert slow.post("ListShards", {"StreamName": "making"}).error[0] == "ResourceInUseException"
    assert slow.post("SplitShard", {"StreamName": "making", "ShardToSplit": "shardId-0", "NewStartingHashKey": "9"}).error == (
        not_active("making", "CREATING"))
    assert slow.call("ListTagsForStream", StreamName="making")["Tags"] == [{"Key": "early", "Value": "yes"}]
    assert "making" in slow.call("ListStreams")["StreamNames"]
    wait_active(slow, "making")
    slow.call("PutRecord", StreamName="making", PartitionKey="k", Data="")


def test_at_most_five_streams_are_made_at_once(slow):
    answers = [slow.post("CreateStream", {"StreamName": f"many-{i}", "ShardCount": 1}) for i in range(7)]
    assert [answer.status for answer in answers[:5]] == [200] * 5
    assert all(answer.error[0] == "LimitExceededException" for answer in answers[5:])
    for i in range(5):
        wait_active(slow, f"many-{i}")


def test_puts_go_to_the_parent_until_a_split_is_done(slow):
    slow.call("CreateStream", StreamName="splitting", ShardCount=1)
    wait_active(slow, "splitting")
    slow.call("SplitShard", StreamName="splitting", ShardToSplit="shardId-0", NewStartingHashKey=str(2**127))
    assert state_of(slow, "splitting") == "UPDATING"
    shards = slow.call("ListShards", StreamName="splitting")["Shards"]
    assert [shard["ShardId"] for shard in shards] == ["shardId-000000000000"]
    assert "EndingSequenceNumber" not in shards[0]["SequenceNumberRange"]
    assert slow.call("PutRecord", StreamName="splitting", PartitionKey="k", Data="")["ShardId"] == "shardId-000000000000"
    for operation, parameters in [
            ("SplitShard", {"ShardToSplit": "shardId-0", "NewStartingHashKey": "9"}),
            ("MergeShards", {"ShardToMerge": "shardId-0", "AdjacentShardToMerge": "shardId-1"}),
            ("IncreaseStreamRetentionPeriod", {"RetentionPeriodHours": 48})]:
        assert slow.post(operation, {"StreamName": "splitting", **parameters}).error == not_active("splitting", "UPDATING")
    wait_active(slow, "splitting")
    assert len(slow.call("ListShards", StreamName="splitting")["Shards"]) == 3
    assert slow.call("PutRecord", StreamName="splitting", PartitionKey="k", Data="")["ShardId"] != "shardId-000000000000"


def test_a_stream_that_is_being_deleted_is_shown_until_it_is_gone(slow):
    slow.call("CreateStream", StreamName="leaving", ShardCount=1)
    wait_active(slow, "leaving")
    slow.call("DeleteStream", StreamName="leaving")
    assert state_of(slow, "leaving") == "DELETING"
    assert slow.post("CreateStream", {"StreamName": "leaving", "ShardCount": 1}).error[0] == "ResourceInUseException"
    assert slow.post("SplitShard", {"StreamName": "leaving", "ShardToSplit": "shardId-0", "NewStartingHashKey": "9"}).error == (
        not_active("leaving", "DELETING"))
    deadline = time.monotonic() + 30
    while slow.post("DescribeStreamSummary", {"StreamName": "leaving"}).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    slow.call("CreateStream", StreamName="leaving", ShardCount=2)
    wait_active(slow, "leaving")
    assert len(slow.call("ListShards", StreamName="leaving")["Shards"]) == 2
