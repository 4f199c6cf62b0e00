"""What each operation promises beyond the walk: its texts, its states, its order of checks."""
import time

import pytest

from harness.wire import ApiError, blob, wait_active

ACCOUNT = "000000000000"
HASH_KEY_MAX = 2**128 - 1


def refused(response):
    assert response.status == 400, response.body
    return response.error


def not_found(stream):
    return ("ResourceNotFoundException", f"Stream {stream} under account {ACCOUNT} not found.")


def arn(stream, account=ACCOUNT, region="us-east-1"):
    return f"arn:aws:kinesis:{region}:{account}:stream/{stream}"


def test_a_taken_name_is_refused(wire, stream):
    assert refused(wire.post("CreateStream", {"StreamName": stream, "ShardCount": 1})) == (
        "ResourceInUseException", f"Stream {stream} under account {ACCOUNT} already exists.")


def test_a_new_stream_divides_the_hash_keys_evenly(wire, stream_name):
    wire.call("CreateStream", StreamName=stream_name, ShardCount=3)
    wait_active(wire, stream_name)
    shards = wire.call("ListShards", StreamName=stream_name)["Shards"]
    width = 2**128 // 3
    assert [shard["HashKeyRange"] for shard in shards] == [
        {"StartingHashKey": str(index * width),
         "EndingHashKey": str(HASH_KEY_MAX if index == 2 else (index + 1) * width - 1)} for index in range(3)]
    starts = [int(shard["SequenceNumberRange"]["StartingSequenceNumber"]) for shard in shards]
    assert starts[1] - starts[0] == starts[2] - starts[1] == 22300745198530623141535718272648361505980432
    assert all(len(str(start)) == 56 for start in starts)
    assert all("EndingSequenceNumber" not in shard["SequenceNumberRange"] for shard in shards)
    wire.call("DeleteStream", StreamName=stream_name)


def test_a_summary_has_its_first_values_and_no_stream_id(wire, stream):
    summary = wire.call("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]
    created = summary.pop("StreamCreationTimestamp")
    assert abs(created - time.time()) < 3600
    assert summary == {
        "StreamName": stream, "StreamARN": arn(stream), "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE", "OpenShardCount": 2, "ConsumerCount": 0, "MaxRecordSizeInKiB": 1024}


def test_a_stream_may_be_named_by_its_arn(wire, stream):
    put = wire.call("PutRecord", StreamARN=arn(stream), PartitionKey="a", Data="")
    assert put["ShardId"] == "shardId-000000000000"
    both = wire.call("DescribeStreamSummary", StreamARN=arn(stream), StreamName=stream)
    assert both["StreamDescriptionSummary"]["StreamName"] == stream


def test_a_name_and_an_arn_that_disagree_are_refused(wire, stream):
    code, _ = refused(wire.post("DescribeStream", {"StreamName": stream, "StreamARN": arn("another")}))
    assert code == "InvalidArgumentException"


@pytest.mark.parametrize("operation", ["DescribeStream", "DescribeStreamSummary", "DeleteStream", "ListTagsForStream"])
def test_neither_name_nor_arn_is_refused(wire, operation):
    assert refused(wire.post(operation))[0] == "InvalidArgumentException"


@pytest.mark.parametrize("operation, parameters", [
    ("DescribeStream", {}), ("DescribeStreamSummary", {}), ("DeleteStream", {}), ("ListTagsForStream", {}),
    ("PutRecord", {"PartitionKey": "k", "Data": ""}), ("PutRecords", {"Records": [{"PartitionKey": "k", "Data": ""}]}),
    ("AddTagsToStream", {"Tags": {"a": "b"}}), ("RemoveTagsFromStream", {"TagKeys": ["a"]}),
    ("IncreaseStreamRetentionPeriod", {"RetentionPeriodHours": 25}),
    ("MergeShards", {"ShardToMerge": "shardId-0", "AdjacentShardToMerge": "shardId-1"}),
    ("SplitShard", {"ShardToSplit": "shardId-0", "NewStartingHashKey": "2"}),
])
def test_a_missing_stream_is_named(wire, operation, parameters):
    assert refused(wire.post(operation, {"StreamName": "not-there", **parameters})) == not_found("not-there")


def test_records_go_where_the_hash_of_their_key_says(wire, stream):
    # MD5 of "a" begins with 0c, that of "b" with 92, that of u-umlaut with c0.
    for key, shard in {"a": 0, "b": 1, "partitionKey-1": 0, "ü": 1}.items():
        assert wire.call("PutRecord", StreamName=stream, PartitionKey=key, Data="")["ShardId"] == f"shardId-00000000000{shard}"


def test_an_explicit_hash_key_has_128_bits(wire, stream):
    value = str(2**128)
    assert refused(wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": "", "ExplicitHashKey": value})) == (
        "InvalidArgumentException",
        f"Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {value}")


def test_a_bad_entry_refuses_the_whole_put(wire, stream, iterator):
    entries = [{"PartitionKey": "k", "Data": "", "ExplicitHashKey": "0"},
               {"PartitionKey": "k", "Data": "", "ExplicitHashKey": str(2**128)}]
    assert refused(wire.post("PutRecords", {"StreamName": stream, "Records": entries}))[0] == "InvalidArgumentException"
    assert wire.call("GetRecords", ShardIterator=iterator())["Records"] == []


def test_a_put_answers_in_the_order_of_the_request(wire, stream):
    entries = [{"PartitionKey": "k", "Data": blob(str(i).encode()), "ExplicitHashKey": str(HASH_KEY_MAX if i % 3 else 0)}
               for i in range(30)]
    answer = wire.call("PutRecords", StreamName=stream, Records=entries)
    assert answer["FailedRecordCount"] == 0 and "EncryptionType" not in answer
    assert [entry["ShardId"][-1] for entry in answer["Records"]] == ["1" if i % 3 else "0" for i in range(30)]
    numbers = [int(entry["SequenceNumber"]) for entry in answer["Records"] if entry["ShardId"].endswith("1")]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("number", ["1" * 129, "49546986683135544286507457936321625675700192471156785159"])
def test_a_number_for_ordering_must_be_a_sequence_number(wire, stream, number):
    response = wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": "",
                                       "SequenceNumberForOrdering": number})
    assert refused(response) == (
        "InvalidArgumentException", f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under "
                                    f"account {ACCOUNT} is invalid.")


@pytest.mark.parametrize("shard", ["shardId-0", "foo-0", "-0", "0", "shardId-000000000000"])
def test_shard_ids_are_read_leniently(iterator, shard):
    assert iterator(shard)


@pytest.mark.parametrize("shard, message", [
    ("shardId-x", "Could not find shard shardId-x in stream {stream} under account 000000000000."),
    ("shardId-2147483648", "Could not find shard shardId-2147483648 in stream {stream} under account 000000000000."),
    ("shardId-5", "Shard shardId-000000000005 in stream {stream} under account 000000000000 does not exist"),
])
def test_a_missing_shard_is_named(wire, stream, shard, message):
    response = wire.post("GetShardIterator", {"StreamName": stream, "ShardId": shard, "ShardIteratorType": "LATEST"})
    assert refused(response) == ("ResourceNotFoundException", message.format(stream=stream))


def test_an_iterator_of_a_missing_stream_names_the_shard(wire):
    response = wire.post("GetShardIterator", {"StreamName": "gone", "ShardId": "shardId-0", "ShardIteratorType": "LATEST"})
    assert refused(response) == ("ResourceNotFoundException",
                                 f"Shard shardId-000000000000 in stream gone under account {ACCOUNT} does not exist")


MUST_EITHER = ("Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
               "TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified ")


@pytest.mark.parametrize("parameters, message", [
    ({"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, MUST_EITHER + "AT_SEQUENCE_NUMBER and no StartingSequenceNumber."),
    ({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}, MUST_EITHER + "AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber."),
    ({"ShardIteratorType": "LATEST", "StartingSequenceNumber": "5"},
     MUST_EITHER + "LATEST and also a StartingSequenceNumber."),
    ({"ShardIteratorType": "TRIM_HORIZON", "StartingSequenceNumber": "5"},
     MUST_EITHER + "TRIM_HORIZON and also a StartingSequenceNumber."),
    ({"ShardIteratorType": "AT_TIMESTAMP"}, "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
                                            "Current request has no timestamp parameter."),
])
def test_an_iterator_needs_what_its_type_needs(wire, stream, parameters, message):
    response = wire.post("GetShardIterator", {"StreamName": stream, "ShardId": "shardId-0", **parameters})
    assert refused(response) == ("InvalidArgumentException", message)


def test_a_moment_to_read_from_is_not_in_the_future(wire, stream):
    future = time.time() + 1000
    response = wire.post("GetShardIterator", {"StreamName": stream, "ShardId": "shardId-0",
                                              "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": future})
    code, message = refused(response)
    assert code == "InvalidArgumentException"
    assert message.startswith("The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
                              f"timestampInMillis: {round(future * 1000)}")


def test_a_number_of_another_shard_is_named(wire, stream):
    put = wire.call("PutRecord", StreamName=stream, PartitionKey="b", Data="")
    response = wire.post("GetShardIterator", {
        "StreamName": stream, "ShardId": "shardId-0", "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": put["SequenceNumber"]})
    assert refused(response) == (
        "InvalidArgumentException", "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in "
                                    "a call to a shard with shardId-000000000000")


def test_the_first_number_of_a_shard_is_a_place_to_start(wire, stream, iterator):
    put = wire.call("PutRecord", StreamName=stream, PartitionKey="a", Data="")
    start = wire.call("ListShards", StreamName=stream)["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
        records = wire.call("GetRecords", ShardIterator=iterator(kind=kind, StartingSequenceNumber=start))["Records"]
        assert [record["SequenceNumber"] for record in records] == [put["SequenceNumber"]]


def test_an_iterator_is_not_guessed(wire, stream, iterator):
    good = iterator()
    assert len(good) <= 512
    flipped = good[:20] + ("A" if good[20] != "A" else "B") + good[21:]
    for bad in ("x", flipped, good[:-4], good + "AAAA"):
        assert refused(wire.post("GetRecords", {"ShardIterator": bad})) == (
            "InvalidArgumentException", "Invalid ShardIterator."), bad
    assert wire.post("GetRecords", {"ShardIterator": f'"{good}"'}).status == 200


def test_an_empty_shard_has_nothing_and_no_lag(wire, iterator):
    answer = wire.call("GetRecords", ShardIterator=iterator())
    assert answer["Records"] == [] and answer["MillisBehindLatest"] == 0
    assert answer["NextShardIterator"] and "ChildShards" not in answer


def test_a_record_is_what_was_put(wire, stream, iterator):
    before = time.time()
    put = wire.call("PutRecord", StreamName=stream, PartitionKey="a", Data=blob(b"\x00\xff"))
    record = wire.call("GetRecords", ShardIterator=iterator())["Records"][0]
    arrival = record.pop("ApproximateArrivalTimestamp")
    assert before - 1 <= arrival <= time.time() + 1 and round(arrival, 3) == arrival
    assert record == {"SequenceNumber": put["SequenceNumber"], "Data": blob(b"\x00\xff"), "PartitionKey": "a"}


@pytest.mark.parametrize("key", ["0", "1", str(2**127 - 1)])
def test_a_split_needs_room_on_both_sides(wire, stream, key):
    code, message = refused(wire.post("SplitShard", {"StreamName": stream, "ShardToSplit": "shardId-0",
                                                     "NewStartingHashKey": key}))
    assert code == "InvalidArgumentException"
    assert message == (f"NewStartingHashKey {key} used in SplitShard() on shard shardId-000000000000 in stream {stream} under "
                       f"account {ACCOUNT} is not both greater than one plus the shard's StartingHashKey 0 and less than the "
                       f"shard's EndingHashKey {2**127 - 1}.")


def test_shards_that_do_not_touch_are_not_merged(wire, stream_name):
    wire.call("CreateStream", StreamName=stream_name, ShardCount=3)
    wait_active(wire, stream_name)
    response = wire.post("MergeShards", {"StreamName": stream_name, "ShardToMerge": "shardId-0",
                                         "AdjacentShardToMerge": "shardId-2"})
    assert refused(response) == (
        "InvalidArgumentException", f"Shards shardId-000000000000 and shardId-000000000002 in stream {stream_name} under "
                                    f"account {ACCOUNT} are not an adjacent pair of shards eligible for merging")
    wire.call("DeleteStream", StreamName=stream_name)


@pytest.mark.parametrize("operation, hours, message", [
    ("IncreaseStreamRetentionPeriod", 8761,
     "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long."),
    ("DecreaseStreamRetentionPeriod", 23,
     "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short."),
    ("DecreaseStreamRetentionPeriod", 25,
     "Requested retention period (25 hours) for stream {stream} can not be longer than existing retention period (24 hours). "
     "Use IncreaseRetentionPeriod API."),
])
def test_retention_has_bounds(wire, stream, operation, hours, message):
    response = wire.post(operation, {"StreamName": stream, "RetentionPeriodHours": hours})
    assert refused(response) == ("InvalidArgumentException", message.format(stream=stream))


def test_retention_may_be_set_to_what_it_is(wire, stream):
    assert wire.post("IncreaseStreamRetentionPeriod", {"StreamName": stream, "RetentionPeriodHours": 24}).status == 200


@pytest.mark.parametrize("tags, message", [
    ({"a,b": "c"}, "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, "
                   "_ . / = + - % @."),
    ({"a": "b%"}, "Failed to add tags to stream {stream} under account 000000000000 because some tags contained illegal "
                  "characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."),
])
def test_tags_have_an_alphabet(wire, stream, tags, message):
    response = wire.post("AddTagsToStream", {"StreamName": stream, "Tags": tags})
    assert refused(response) == ("InvalidArgumentException", message.format(stream=stream))


def test_a_stream_has_at_most_fifty_tags(wire, stream):
    wire.call("AddTagsToStream", StreamName=stream, Tags={f"key-{i}": "ü" for i in range(50)})
    assert refused(wire.post("AddTagsToStream", {"StreamName": stream, "Tags": {"one more": ""}}))[0] == (
        "InvalidArgumentException")
    assert wire.post("AddTagsToStream", {"StreamName": stream, "Tags": {"key-7": "changed"}}).status == 200
    listed = wire.call("ListTagsForStream", StreamName=stream)
    assert len(listed["Tags"]) == 50 and {"Key": "key-7", "Value": "changed"} in listed["Tags"]


def test_list_shards_takes_a_name_or_a_token(wire, stream):
    assert refused(wire.post("ListShards")) == (
        "InvalidArgumentException", "Either NextToken or StreamName should be provided.")
    token = wire.call("ListShards", StreamName=stream, MaxResults=1)["NextToken"]
    assert refused(wire.post("ListShards", {"StreamName": stream, "NextToken": token})) == (
        "InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
    assert len(wire.call("ListShards", NextToken=token, MaxResults=1)["Shards"]) == 1
    assert refused(wire.post("ListShards", {"NextToken": "x"}))[0] in (
        "InvalidArgumentException", "ExpiredNextTokenException")


@pytest.mark.parametrize("shard_filter", [
    {"Type": "AT_TIMESTAMP"}, {"Type": "FROM_TIMESTAMP"}, {"Type": "AFTER_SHARD_ID"},
    {"Type": "AT_LATEST", "ShardId": "shardId-000000000000"},
])
def test_a_filter_needs_what_its_type_needs(wire, stream, shard_filter):
    assert refused(wire.post("ListShards", {"StreamName": stream, "ShardFilter": shard_filter}))[0] == (
        "InvalidArgumentException")


def split_and_wait(wire, stream):
    wire.call("SplitShard", StreamName=stream, ShardToSplit="shardId-0", NewStartingHashKey=str(2**126))
    wait_active(wire, stream)


def filtered(wire, stream, **shard_filter):
    return [shard["ShardId"][-1] for shard in wire.call("ListShards", StreamName=stream, ShardFilter=shard_filter)["Shards"]]


def test_every_kind_of_filter_shows_the_shards_of_its_moment(wire, stream):
    time.sleep(1.1)
    before = time.time()
    time.sleep(1.1)
    split_and_wait(wire, stream)
    assert filtered(wire, stream, Type="FROM_TRIM_HORIZON") == ["0", "1", "2", "3"]
    assert filtered(wire, stream, Type="AT_TRIM_HORIZON") == ["0", "1"]
    assert filtered(wire, stream, Type="AT_LATEST") == ["1", "2", "3"]
    assert filtered(wire, stream, Type="AT_TIMESTAMP", Timestamp=before) == ["0", "1"]
    assert filtered(wire, stream, Type="FROM_TIMESTAMP", Timestamp=before) == ["0", "1", "2", "3"]
    assert filtered(wire, stream, Type="AFTER_SHARD_ID", ShardId="shardId-000000000001") == ["2", "3"]


def test_a_closed_shard_has_an_end_and_its_children(wire, stream, iterator):
    put = wire.call("PutRecord", StreamName=stream, PartitionKey="a", Data="")
    split_and_wait(wire, stream)
    parent = wire.call("ListShards", StreamName=stream)["Shards"][0]
    assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) > int(put["SequenceNumber"])
    position, records, answer = iterator(), [], {}
    while position:
        answer = wire.call("GetRecords", ShardIterator=position)
        records += answer["Records"]
        position = answer.get("NextShardIterator")
    assert [record["SequenceNumber"] for record in records] == [put["SequenceNumber"]]
    assert answer["ChildShards"] == [
        {"ShardId": "shardId-000000000002", "ParentShards": ["shardId-000000000000"],
         "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": str(2**126 - 1)}},
        {"ShardId": "shardId-000000000003", "ParentShards": ["shardId-000000000000"],
         "HashKeyRange": {"StartingHashKey": str(2**126), "EndingHashKey": str(2**127 - 1)}}]
    assert refused(wire.post("SplitShard", {"StreamName": stream, "ShardToSplit": "shardId-0", "NewStartingHashKey": "9"})) == (
        "InvalidArgumentException", f"Shard shardId-000000000000 in stream {stream} under account {ACCOUNT} has already been "
                                    "merged or split, and thus is not eligible for merging or splitting.")


def test_old_iterators_do_not_read_a_new_stream_of_the_same_name(wire, stream_name):
    def create():
        wire.call("CreateStream", StreamName=stream_name, ShardCount=1)
        wait_active(wire, stream_name)
    create()
    old = wire.call("GetShardIterator", StreamName=stream_name, ShardId="shardId-0",
                    ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    wire.call("DeleteStream", StreamName=stream_name)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            wire.call("DescribeStreamSummary", StreamName=stream_name)
        except ApiError as error:
            assert error.code == "ResourceNotFoundException"
            break
        time.sleep(0.05)
    code, message = refused(wire.post("GetRecords", {"ShardIterator": old}))
    assert code == "ResourceNotFoundException"  # the iterator names the stream by a number, so its name is gone with it
    assert message.startswith("Shard shardId-000000000000 in stream ") and message.endswith(" does not exist")
    create()
    wire.call("PutRecord", StreamName=stream_name, PartitionKey="k", Data="")
    assert wire.post("GetRecords", {"ShardIterator": old}).status in (400, 500)
    wire.call("DeleteStream", StreamName=stream_name)


def test_streams_are_listed_in_order_and_in_pages(wire, stream_name):
    names = [f"{stream_name}-{suffix}" for suffix in ("B", "a", "c")]
    for name in names:
        wire.call("CreateStream", StreamName=name, ShardCount=1)
    page = wire.call("ListStreams", ExclusiveStartStreamName=stream_name, Limit=2)
    assert page["StreamNames"] == names[:2] and page["HasMoreStreams"] is True
    assert [summary["StreamName"] for summary in page["StreamSummaries"]] == names[:2]
    rest = wire.call("ListStreams", NextToken=page["NextToken"])
    assert rest["StreamNames"][0] == names[2]
    for name in names:
        wait_active(wire, name)
        wire.call("DeleteStream", StreamName=name)


def test_limits_count_open_shards(wire, stream):
    before = wire.call("DescribeLimits")
    split_and_wait(wire, stream)
    after = wire.call("DescribeLimits")
    assert after["OpenShardCount"] == before["OpenShardCount"] + 1
    assert after["ShardLimit"] >= after["OpenShardCount"]
    assert after["OnDemandStreamCount"] == 0 and after["OnDemandStreamCountLimit"] > 0
