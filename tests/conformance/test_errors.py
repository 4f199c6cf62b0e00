"""The words of SerializationException and ValidationException, and the limits of values."""
import pytest

from harness.wire import blob

NUMBER = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"
BOOLEAN = "class java.lang.Boolean"
STRING = "class java.lang.String"


@pytest.mark.parametrize("operation, parameters, message", [
    ("PutRecord", {"StreamName": 1}, f"{NUMBER} can not be converted to an String"),
    ("PutRecord", {"StreamName": True}, f"{BOOLEAN} can not be converted to an String"),
    ("PutRecord", {"StreamName": []}, "Start of list found where not expected"),
    ("PutRecord", {"StreamName": {}}, "Start of structure or map found where not expected."),
    ("PutRecord", {"Data": 1}, f"{NUMBER} can not be converted to a Blob"),
    ("PutRecord", {"Data": False}, f"{BOOLEAN} can not be converted to a Blob"),
    ("PutRecord", {"Data": "abcde"},
     "'abcde' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
    ("PutRecord", {"Data": "=+/="}, "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='"),
    ("PutRecord", {"Data": "+/+="},
     "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"),
    ("GetRecords", {"Limit": "1"}, f"{STRING} can not be converted to an Integer"),
    ("GetRecords", {"Limit": True}, f"{BOOLEAN} can not be converted to an Integer"),
    ("GetRecords", {"Limit": [1]}, "Start of list found where not expected"),
    ("GetShardIterator", {"Timestamp": "2020"}, f"{STRING} can not be converted to milliseconds since epoch"),
    ("GetShardIterator", {"Timestamp": True}, f"{BOOLEAN} can not be converted to milliseconds since epoch"),
    ("PutRecords", {"Records": "x"}, "Expected list or null"),
    ("PutRecords", {"Records": {}}, "Start of structure or map found where not expected."),
    ("PutRecords", {"Records": ["x"]}, "Expected null"),
    ("PutRecords", {"Records": [[]]}, "Start of list found where not expected"),
    ("AddTagsToStream", {"Tags": "x"}, "Expected map or null"),
    ("AddTagsToStream", {"Tags": []}, "Start of list found where not expected"),
    ("DeleteStream", {"EnforceConsumerDeletion": 1}, f"{NUMBER} can not be converted to an Boolean"),
    ("DeleteStream", {"EnforceConsumerDeletion": "maybe"}, "'MAYBE' can not be converted to an Boolean"),
    ("ListShards", {"ShardFilter": "x"}, "Expected null"),
])
def test_a_value_of_the_wrong_type_is_named(wire, operation, parameters, message):
    response = wire.post(operation, parameters)
    assert response.status == 400
    assert response.json() == {"__type": "SerializationException", "Message": message}


def validation(*errors):
    plural = "" if len(errors) == 1 else "s"
    return f"{len(errors)} validation error{plural} detected: " + "; ".join(errors)


def failed(value, path, phrase):
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: Member must {phrase}"


NAME_PATTERN = "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
HASH_PATTERN = r"satisfy regular expression pattern: 0|([1-9]\d{0,38})"


@pytest.mark.parametrize("operation, parameters, errors", [
    ("CreateStream", {"ShardCount": 1}, [failed(None, "streamName", "not be null")]),
    ("CreateStream", {"StreamName": "a b", "ShardCount": 1}, [failed("a b", "streamName", NAME_PATTERN)]),
    ("CreateStream", {"StreamName": "a", "ShardCount": 0},
     [failed(0, "shardCount", "have value greater than or equal to 1")]),
    ("CreateStream", {"StreamName": "a" * 129, "ShardCount": 1},
     [failed("a" * 129, "streamName", "have length less than or equal to 128")]),
    ("DescribeStream", {"StreamName": "a", "Limit": 0}, [failed(0, "limit", "have value greater than or equal to 1")]),
    ("DescribeStream", {"StreamName": "a", "Limit": 10001},
     [failed(10001, "limit", "have value less than or equal to 10000")]),
    ("GetRecords", {"ShardIterator": "a", "Limit": 100000000000},
     [failed(2147483647, "limit", "have value less than or equal to 10000")]),
    ("GetRecords", {}, [failed(None, "shardIterator", "not be null")]),
    ("GetShardIterator", {"StreamName": "a", "ShardId": "a", "ShardIteratorType": "latest"},
     [failed("latest", "shardIteratorType", "satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, "
                                            "AT_SEQUENCE_NUMBER, TRIM_HORIZON]")]),
    ("PutRecord", {"StreamName": "a", "PartitionKey": "k", "Data": "", "ExplicitHashKey": "01"},
     [failed("01", "explicitHashKey", HASH_PATTERN)]),
    ("PutRecord", {"StreamName": "a", "PartitionKey": "k" * 257, "Data": ""},
     [failed("k" * 257, "partitionKey", "have length less than or equal to 256")]),
    ("PutRecords", {"StreamName": "a", "Records": [{"PartitionKey": "k", "Data": ""}, {"PartitionKey": "", "Data": ""}]},
     [failed("", "records.2.member.partitionKey", "have length greater than or equal to 1")]),
    ("PutRecords", {"StreamName": "a", "Records": []},
     [failed("[]", "records", "have length greater than or equal to 1")]),
    ("SplitShard", {"StreamName": "a", "ShardToSplit": "x"}, [failed(None, "newStartingHashKey", "not be null")]),
    ("ListTagsForStream", {"StreamName": "a", "Limit": 51}, [failed(51, "limit", "have value less than or equal to 50")]),
    ("AddTagsToStream", {"StreamName": "a", "Tags": {}}, [failed("{}", "tags", "have length greater than or equal to 1")]),
])
def test_one_broken_constraint_is_named(wire, operation, parameters, errors):
    response = wire.post(operation, parameters)
    assert response.status == 400
    assert response.json() == {"__type": "ValidationException", "message": validation(*errors)}


def test_all_broken_constraints_are_named_in_the_known_order(wire):
    response = wire.post("PutRecord", {"StreamName": "a b", "PartitionKey": "", "ExplicitHashKey": "x",
                                       "SequenceNumberForOrdering": "y"})
    assert response.json()["message"] == validation(
        failed("y", "sequenceNumberForOrdering", r"satisfy regular expression pattern: 0|([1-9]\d{0,128})"),
        failed("", "partitionKey", "have length greater than or equal to 1"),
        failed("x", "explicitHashKey", HASH_PATTERN), failed(None, "data", "not be null"),
        failed("a b", "streamName", NAME_PATTERN))


def test_at_most_ten_constraints_are_named(wire):
    response = wire.post("PutRecords", {"StreamName": "a", "Records": [{"PartitionKey": "", "Data": ""}] * 12})
    message = response.json()["message"]
    assert message.startswith("10 validation errors detected: ") and message.count("failed to satisfy") == 10


def test_map_and_list_items_are_held_to_their_lengths(wire):
    message = wire.post("AddTagsToStream", {"StreamName": "a", "Tags": {"k" * 129: "v"}}).json()["message"]
    assert message.endswith("failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less "
                            "than or equal to 128, Member must have length greater than or equal to 1]")
    message = wire.post("AddTagsToStream", {"StreamName": "a", "Tags": {"k": "v" * 257}}).json()["message"]
    assert message.endswith("failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less "
                            "than or equal to 256, Member must have length greater than or equal to 0]")
    message = wire.post("RemoveTagsFromStream", {"StreamName": "a", "TagKeys": [""]}).json()["message"]
    assert "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length " \
           "greater than or equal to 1]" in message


def test_data_above_the_largest_record_is_refused(wire, stream):
    data = blob(bytes(10 * 1024 * 1024 + 1))
    response = wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": data})
    code, message = response.error
    assert code == "ValidationException"
    assert "java.nio.HeapByteBuffer[pos=0 lim=10485761 cap=10485761]" in message
    assert message.endswith("at 'data' failed to satisfy constraint: Member must have length less than or equal to 10485760")


def test_data_above_the_streams_record_size_is_refused(wire, stream):
    fits = blob(bytes(1024 * 1024 - 1))
    assert wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": fits}).status == 200
    response = wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": blob(bytes(1024 * 1024))})
    assert response.status == 400 and "1048576" in response.error[1]


def test_a_partition_key_is_measured_in_characters(wire, stream):
    assert wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "ü" * 256, "Data": ""}).status == 200
    assert wire.post("PutRecord", {"StreamName": stream, "PartitionKey": "ü" * 257, "Data": ""}).status == 400


def test_numbers_are_cut_and_clamped(wire):
    assert wire.post("ListStreams", {"Limit": 1.9}).status == 200
    assert wire.signed("ListStreams", b'{"Limit": 1E1}').status == 200
    assert wire.post("ListStreams", {"Limit": 0.9}).error[0] == "ValidationException"
