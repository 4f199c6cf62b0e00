"""The walk that every real client takes unchanged: make a stream, put, read by every kind of iterator, split, merge, follow all
shards, change retention and tags, list and describe in pages, meet errors by name, delete."""
import time

import pytest

from harness.wire import ApiError

HASH_KEY_MAX = 2**128 - 1
READ_INTERVAL_S = 0.25  # five GetRecords a second a shard are allowed


class Walk:
    def __init__(self, client, stream):
        self.client = client
        self.stream = stream
        self.put = {}  # shard id -> [(sequence number, key, data)] as acknowledged
        self.placed = set()  # (key, data) sent to a shard by an explicit hash key: apart from the order of their keys
        self.counter = 0

    def call(self, operation, **parameters):
        return self.client.call(operation, parameters)

    def on_stream(self, operation, **parameters):
        return self.call(operation, StreamName=self.stream, **parameters)

    def refuses(self, code, operation, **parameters):
        with pytest.raises(ApiError) as caught:
            self.call(operation, **parameters)
        assert caught.value.code == code, caught.value
        return caught.value.message

    def wait_active(self):
        for _ in range(300):
            summary = self.on_stream("DescribeStreamSummary")["StreamDescriptionSummary"]
            if summary["StreamStatus"] == "ACTIVE":
                return summary
            time.sleep(0.1)
        raise TimeoutError("the stream does not become ACTIVE")

    def shards(self):
        return {shard["ShardId"]: shard for shard in self.on_stream("ListShards")["Shards"]}

    def open_shards(self):
        shards = [shard for shard in self.shards().values()
                  if not shard["SequenceNumberRange"].get("EndingSequenceNumber")]
        return sorted(shards, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))

    def remember(self, answer, key, data):
        self.put.setdefault(answer["ShardId"], []).append((answer["SequenceNumber"], key, data))

    def next_record(self):
        self.counter += 1
        return f"key-{self.counter % 7}", f"record {self.counter:05}".encode()

    def put_one(self, **more):
        key, data = self.next_record()
        answer = self.on_stream("PutRecord", PartitionKey=key, Data=data, **more)
        assert set(answer) <= {"ShardId", "SequenceNumber", "EncryptionType"}
        self.remember(answer, key, data)
        if "ExplicitHashKey" in more:
            self.placed.add((key, data))
        return answer

    def put_many(self, count):
        records = [self.next_record() for _ in range(count)]
        answer = self.on_stream("PutRecords", Records=[{"PartitionKey": key, "Data": data} for key, data in records])
        assert answer["FailedRecordCount"] == 0
        assert len(answer["Records"]) == count
        for (key, data), entry in zip(records, answer["Records"]):
            self.remember(entry, key, data)

    def iterator(self, shard, kind, **more):
        return self.on_stream("GetShardIterator", ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]

    def read(self, iterator, count):
        """Reads until `count` records came or the shard's end; the records."""
        records = []
        for _ in range(100):
            answer = self.call("GetRecords", ShardIterator=iterator)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            if len(records) >= count or not iterator:
                return records
            time.sleep(READ_INTERVAL_S)
        raise TimeoutError(f"{len(records)} of {count} records came")

    def read_to_end(self, shard, expected):
        """The records of a shard and the children that its end names; an open shard ends when `expected` came."""
        iterator = self.iterator(shard, "TRIM_HORIZON")
        records = []
        for _ in range(100):
            answer = self.call("GetRecords", ShardIterator=iterator, Limit=50)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            if not iterator:
                assert answer["ChildShards"], "the end of a shard names its children"
                return records, answer["ChildShards"]
            assert not answer.get("ChildShards"), "children are named at the end only"
            if len(records) >= expected and answer["MillisBehindLatest"] == 0 and self.is_open(shard):
                return records, []
            time.sleep(READ_INTERVAL_S)
        raise TimeoutError(f"{shard} has no end")

    def is_open(self, shard):
        return "EndingSequenceNumber" not in self.shards()[shard]["SequenceNumberRange"]


def creates_and_describes(walk):
    walk.on_stream("CreateStream", ShardCount=2)
    walk.refuses("ResourceInUseException", "CreateStream", StreamName=walk.stream, ShardCount=2)
    summary = walk.wait_active()
    assert summary["StreamARN"].endswith(f":stream/{walk.stream}")
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"], summary["EncryptionType"]) == (2, 24, "NONE")
    assert abs(summary["StreamCreationTimestamp"] - time.time()) < 120
    assert not summary.get("StreamId")
    low, high = walk.open_shards()
    assert (low["ShardId"], high["ShardId"]) == ("shardId-000000000000", "shardId-000000000001")
    assert int(low["HashKeyRange"]["EndingHashKey"]) + 1 == int(high["HashKeyRange"]["StartingHashKey"])
    assert int(high["HashKeyRange"]["EndingHashKey"]) == HASH_KEY_MAX
    described = walk.on_stream("DescribeStream")["StreamDescription"]
    assert [shard["ShardId"] for shard in described["Shards"]] == [low["ShardId"], high["ShardId"]]
    assert described["HasMoreShards"] is False


def puts(walk):
    for _ in range(3):
        walk.put_one()
    assert walk.put_one(ExplicitHashKey="0")["ShardId"] == "shardId-000000000000"
    last = walk.put_one(ExplicitHashKey=str(HASH_KEY_MAX))
    assert last["ShardId"] == "shardId-000000000001"
    after = walk.put_one(ExplicitHashKey=str(HASH_KEY_MAX), SequenceNumberForOrdering=last["SequenceNumber"])
    assert int(after["SequenceNumber"]) > int(last["SequenceNumber"])
    time.sleep(1.1)  # for reads from a moment: botocore sends whole seconds
    walk.put_many(40)


def reads_by_every_kind_of_iterator(walk):
    shard = "shardId-000000000001"
    expected = walk.put[shard]
    latest = walk.iterator(shard, "LATEST")
    records = walk.read(walk.iterator(shard, "TRIM_HORIZON"), len(expected))
    assert [(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in records] == expected
    assert all(abs(r["ApproximateArrivalTimestamp"] - time.time()) < 300 for r in records)
    middle = len(expected) // 2
    number = expected[middle][0]
    at = walk.read(walk.iterator(shard, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=number), len(expected) - middle)
    assert [r["SequenceNumber"] for r in at] == [entry[0] for entry in expected[middle:]]
    after = walk.read(walk.iterator(shard, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=number),
                      len(expected) - middle - 1)
    assert [r["SequenceNumber"] for r in after] == [entry[0] for entry in expected[middle + 1:]]
    moment = int(records[-1]["ApproximateArrivalTimestamp"])
    later = [r["SequenceNumber"] for r in records if r["ApproximateArrivalTimestamp"] >= moment]
    since = walk.read(walk.iterator(shard, "AT_TIMESTAMP", Timestamp=moment), len(later))
    assert len(later) < len(records) and [r["SequenceNumber"] for r in since] == later
    fresh = walk.put_one(ExplicitHashKey=str(HASH_KEY_MAX))
    assert [r["SequenceNumber"] for r in walk.read(latest, 1)] == [fresh["SequenceNumber"]]
    limited = walk.call("GetRecords", ShardIterator=walk.iterator(shard, "TRIM_HORIZON"), Limit=3)
    assert len(limited["Records"]) == 3
    assert limited["MillisBehindLatest"] > 0 and limited["NextShardIterator"]


def splits_and_merges(walk):
    low, high = walk.open_shards()
    boundary = (int(low["HashKeyRange"]["EndingHashKey"]) + 1) // 2
    walk.on_stream("SplitShard", ShardToSplit=low["ShardId"], NewStartingHashKey=str(boundary))
    walk.wait_active()
    walk.put_many(30)
    first, second, third = walk.open_shards()
    assert (first["ShardId"], second["ShardId"], third["ShardId"]) == (
        "shardId-000000000002", "shardId-000000000003", high["ShardId"])
    assert first["ParentShardId"] == second["ParentShardId"] == low["ShardId"]
    assert not first.get("AdjacentParentShardId")
    assert int(second["HashKeyRange"]["StartingHashKey"]) == boundary
    walk.on_stream("MergeShards", ShardToMerge=second["ShardId"], AdjacentShardToMerge=third["ShardId"])
    walk.wait_active()
    walk.put_many(30)
    merged = walk.open_shards()[1]
    assert (merged["ShardId"], merged["ParentShardId"], merged["AdjacentParentShardId"]) == (
        "shardId-000000000004", second["ShardId"], third["ShardId"])
    walk.refuses("InvalidArgumentException", "SplitShard", StreamName=walk.stream, ShardToSplit=first["ShardId"],
                 NewStartingHashKey=first["HashKeyRange"]["StartingHashKey"])
    walk.refuses("InvalidArgumentException", "MergeShards", StreamName=walk.stream, ShardToMerge=low["ShardId"],
                 AdjacentShardToMerge=merged["ShardId"])


def follows_all_shards_once_and_in_order(walk):
    waiting = sorted(shard for shard, details in walk.shards().items() if not details.get("ParentShardId"))
    done, by_key = set(), {}
    while waiting:
        shard = waiting.pop(0)
        records, children = walk.read_to_end(shard, len(walk.put.get(shard, [])))
        numbers = [int(record["SequenceNumber"]) for record in records]
        assert numbers == sorted(set(numbers)), "numbers rise strictly"
        assert [(r["SequenceNumber"], r["PartitionKey"], r["Data"]) for r in records] == walk.put.get(shard, [])
        for record in records:
            by_key.setdefault(record["PartitionKey"], []).append(record["Data"])
        done.add(shard)
        for child in children:
            assert shard in child["ParentShards"]
            if set(child["ParentShards"]) <= done and child["ShardId"] not in waiting:
                waiting.append(child["ShardId"])
    assert done == set(walk.shards())
    assert sum(map(len, by_key.values())) == walk.counter, "each record was seen once"
    for key, data in by_key.items():
        routed = [entry for entry in data if (key, entry) not in walk.placed]
        assert routed == sorted(routed), "a key's records keep their order over splits and merges"


def changes_retention(walk):
    walk.on_stream("IncreaseStreamRetentionPeriod", RetentionPeriodHours=48)
    assert walk.wait_active()["RetentionPeriodHours"] == 48
    walk.refuses("InvalidArgumentException", "IncreaseStreamRetentionPeriod", StreamName=walk.stream,
                 RetentionPeriodHours=36)
    walk.on_stream("DecreaseStreamRetentionPeriod", RetentionPeriodHours=24)
    assert walk.wait_active()["RetentionPeriodHours"] == 24
    walk.refuses("InvalidArgumentException", "DecreaseStreamRetentionPeriod", StreamName=walk.stream,
                 RetentionPeriodHours=12)


def tags(walk):
    walk.on_stream("AddTagsToStream", Tags={"team": "water", "stage": "test", "empty": ""})
    listed = walk.on_stream("ListTagsForStream")
    assert {tag["Key"]: tag.get("Value") for tag in listed["Tags"]} == {"empty": "", "stage": "test", "team": "water"}
    page = walk.on_stream("ListTagsForStream", Limit=2)
    assert page["HasMoreTags"] is True and len(page["Tags"]) == 2
    rest = walk.on_stream("ListTagsForStream", ExclusiveStartTagKey=page["Tags"][-1]["Key"])
    assert rest["HasMoreTags"] is False and [tag["Key"] for tag in rest["Tags"]] == ["team"]
    walk.on_stream("RemoveTagsFromStream", TagKeys=["team", "empty", "never there"])
    assert walk.on_stream("ListTagsForStream")["Tags"] == [{"Key": "stage", "Value": "test"}]


def lists_in_pages(walk):
    everything = list(walk.shards())
    pages, token = [], None
    while token or not pages:
        answer = walk.call("ListShards", NextToken=token, MaxResults=2) if token else walk.on_stream(
            "ListShards", MaxResults=2)
        pages.append([shard["ShardId"] for shard in answer["Shards"]])
        token = answer.get("NextToken")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sum(pages, []) == everything
    described = walk.on_stream("DescribeStream", Limit=2)["StreamDescription"]
    assert described["HasMoreShards"] is True and len(described["Shards"]) == 2
    rest = walk.on_stream("DescribeStream", ExclusiveStartShardId=everything[1])["StreamDescription"]
    assert [shard["ShardId"] for shard in rest["Shards"]] == everything[2:] and rest["HasMoreShards"] is False
    latest = walk.on_stream("ListShards", ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert {shard["ShardId"] for shard in latest} == {shard["ShardId"] for shard in walk.open_shards()}
    after = walk.on_stream("ListShards", ShardFilter={"Type": "AFTER_SHARD_ID", "ShardId": everything[2]})["Shards"]
    assert [shard["ShardId"] for shard in after] == everything[3:]
    assert walk.stream in walk.call("ListStreams")["StreamNames"]
    before = walk.stream[:-1]
    found = walk.call("ListStreams", ExclusiveStartStreamName=before, Limit=1)
    assert found["StreamNames"] == [walk.stream]
    assert walk.call("DescribeLimits")["OpenShardCount"] >= 2


def meets_errors_by_name(walk):
    missing = f"{walk.stream}-missing"
    walk.refuses("ResourceNotFoundException", "PutRecord", StreamName=missing, PartitionKey="k", Data=b"d")
    walk.refuses("ResourceNotFoundException", "DescribeStream", StreamName=missing)
    walk.refuses("ResourceNotFoundException", "GetShardIterator", StreamName=walk.stream,
                 ShardId="shardId-000000000099", ShardIteratorType="LATEST")
    walk.refuses("InvalidArgumentException", "GetRecords", ShardIterator="not-an-iterator")
    message = walk.refuses("ValidationException", "PutRecord", StreamName="no blanks", PartitionKey="k", Data=b"d")
    assert "at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern" in message
    walk.refuses("InvalidArgumentException", "PutRecord", StreamName=walk.stream, PartitionKey="k", Data=b"d",
                 ExplicitHashKey=str(2**128))
    walk.refuses("InvalidArgumentException", "GetShardIterator", StreamName=walk.stream,
                 ShardId="shardId-000000000001", ShardIteratorType="AT_SEQUENCE_NUMBER")


def deletes(walk):
    walk.on_stream("DeleteStream")
    for _ in range(300):
        try:
            status = walk.on_stream("DescribeStreamSummary")["StreamDescriptionSummary"]["StreamStatus"]
            assert status == "DELETING"
        except ApiError as error:
            assert error.code == "ResourceNotFoundException"
            return
        time.sleep(0.1)
    raise TimeoutError("the stream does not go away")


STEPS = [creates_and_describes, puts, reads_by_every_kind_of_iterator, splits_and_merges,
         follows_all_shards_once_and_in_order, changes_retention, tags, lists_in_pages, meets_errors_by_name, deletes]
