"""The CBOR form of the same protocol, as the Java SDKs speak it."""
import time

import cbor2
import pytest

from harness.wire import CBOR, wait_active


def call(wire, operation, parameters, encode=cbor2.dumps):
    response = wire.signed(operation, encode(parameters), content_type=CBOR)
    assert response.headers["content-type"] == CBOR
    return response.status, (decode(response.body) if response.body else {}), response.body


def decode(body):
    """Tag 1 means milliseconds in this protocol, which the library would take for seconds: the tag is left out."""
    return cbor2.loads(body.replace(b"\xc1\x1b", b"\x1b"))


def indefinite(value):
    """CBOR with every map, list and byte string of indefinite length, as Jackson streams it."""
    if isinstance(value, dict):
        return b"\xbf" + b"".join(cbor2.dumps(key) + indefinite(item) for key, item in value.items()) + b"\xff"
    if isinstance(value, list):
        return b"\x9f" + b"".join(map(indefinite, value)) + b"\xff"
    if isinstance(value, bytes):
        half = len(value) // 2
        return b"\x5f" + cbor2.dumps(value[:half]) + cbor2.dumps(value[half:]) + b"\xff"
    return cbor2.dumps(value)


@pytest.mark.parametrize("encode", [cbor2.dumps, indefinite, lambda value: b"\xd9\xd9\xf7" + cbor2.dumps(value)],
                         ids=["definite", "indefinite", "self-described"])
def test_records_pass_through_as_bytes(wire, stream, encode):
    data = bytes(range(256))
    status, put, _ = call(wire, "PutRecords", {
        "StreamName": stream, "Records": [{"Data": data, "PartitionKey": "ключ"}, {"Data": b"", "PartitionKey": "b"}]}, encode)
    assert status == 200 and put["FailedRecordCount"] == 0
    first = put["Records"][0]
    _, answer, _ = call(wire, "GetShardIterator", {
        "StreamName": stream, "ShardId": first["ShardId"], "ShardIteratorType": "AT_SEQUENCE_NUMBER",
        "StartingSequenceNumber": first["SequenceNumber"]}, encode)
    _, got, _ = call(wire, "GetRecords", {"ShardIterator": answer["ShardIterator"], "Limit": 1}, encode)
    record = got["Records"][0]
    assert (record["Data"], record["PartitionKey"], record["SequenceNumber"]) == (data, "ключ", first["SequenceNumber"])
    assert "EncryptionType" not in record


def raw_timestamp(body, member):
    """The bytes that follow the member's name."""
    name = cbor2.dumps(member)
    start = body.index(name) + len(name)
    return body[start:start + 10]


def test_timestamps_are_tagged_whole_milliseconds(wire, stream):
    response = wire.signed("DescribeStreamSummary", cbor2.dumps({"StreamName": stream}), content_type=CBOR)
    coded = raw_timestamp(response.body, "StreamCreationTimestamp")
    assert coded[:2] == b"\xc1\x1b", "tag 1, then an integer of eight bytes"
    milliseconds = int.from_bytes(coded[2:10], "big")
    assert abs(milliseconds / 1000 - time.time()) < 3600
    as_json = wire.call("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    assert round(as_json * 1000) == milliseconds


@pytest.mark.parametrize("code", [lambda ms: cbor2.CBORTag(1, ms), lambda ms: ms], ids=["tagged", "untagged"])
def test_timestamps_are_read_as_milliseconds(wire, stream, code):
    now_ms = int(time.time() * 1000)
    status, answer, _ = call(wire, "GetShardIterator", {
        "StreamName": stream, "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP",
        "Timestamp": code(now_ms - 1000)})
    assert status == 200 and answer["ShardIterator"]


def test_base64_text_is_taken_for_a_blob(wire, stream):
    status, _, _ = call(wire, "PutRecord", {"StreamName": stream, "PartitionKey": "k", "Data": "aGk="})
    assert status == 200


def test_errors_have_the_same_members(wire):
    status, answer, _ = call(wire, "DescribeStream", {"StreamName": "not-there"})
    assert status == 400
    assert answer == {"__type": "ResourceNotFoundException",
                      "message": "Stream not-there under account 000000000000 not found."}


def test_nulls_are_absent_members(wire):
    status, answer, _ = call(wire, "ListStreams", {"Limit": None, "ExclusiveStartStreamName": cbor2.undefined})
    assert status == 200 and "StreamNames" in answer


@pytest.mark.parametrize("body", [b"\xff", b"\xa1", b"\x80", b"\xf6", b"\xa1\x61", b"\xbf", b"\xa1\x1b" + b"\xff" * 8,
                                  b"\x9b" + b"\xff" * 8, b"\xbb" + b"\xff" * 8, b"\xbf\x61a" * 5000])
def test_a_body_that_is_no_map_cannot_be_read(wire, body):
    response = wire.signed("ListStreams", body, content_type=CBOR)
    assert response.status == 400
    assert cbor2.loads(response.body) == {"__type": "SerializationException"}


def test_a_whole_life_in_cbor(wire, stream_name):
    assert call(wire, "CreateStream", {"StreamName": stream_name, "ShardCount": 1})[::2] == (200, b"")
    wait_active(wire, stream_name)
    status, answer, _ = call(wire, "ListShards", {"StreamName": stream_name})
    assert status == 200 and answer["Shards"][0]["HashKeyRange"]["StartingHashKey"] == "0"
    assert call(wire, "DeleteStream", {"StreamName": stream_name})[0] == 200
