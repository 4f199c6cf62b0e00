"""HTTP/2 with prior knowledge on the plain port: many streams, flow control both ways, and floods that are cut off."""
import struct

import h2.events
import h2.exceptions
import pytest

from harness.http2 import Http2
from harness.wire import blob


@pytest.fixture
def http2(unlimited_server):
    connection = Http2(unlimited_server.port)
    yield connection
    connection.close()


def test_an_operation_is_answered_as_over_http1(http2):
    response = http2.call("ListStreams")
    assert response.status == 200 and "StreamNames" in response.json()
    assert response.headers["content-type"] == "application/x-amz-json-1.1"
    assert {"x-amzn-requestid", "x-amz-id-2", "date", "content-length"} <= set(response.headers)
    assert "connection" not in response.headers


def test_errors_keep_their_status_and_body(http2):
    response = http2.call("DescribeStream", {"StreamName": "not-there"})
    assert (response.status, response.error[0]) == (400, "ResourceNotFoundException")


def test_many_streams_share_a_connection(http2):
    started = [http2.start("ListStreams") for _ in range(100)]
    assert all(http2.wait(stream).status == 200 for stream in started)


def test_enough_streams_are_allowed(http2):
    http2.call("ListStreams")
    assert http2.state.remote_settings.max_concurrent_streams >= 100


def test_large_bodies_pass_under_flow_control_both_ways(http2, wire, stream):
    data = blob(bytes(range(256)) * 4000)
    for _ in range(4):
        put = http2.call("PutRecord", {"StreamName": stream, "PartitionKey": "a", "Data": data})
        assert put.status == 200
    iterator = wire.call("GetShardIterator", StreamName=stream, ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON")
    got = http2.call("GetRecords", iterator).json()
    assert [record["Data"] for record in got["Records"]] == [data] * 4


def test_a_small_window_of_the_client_is_kept(unlimited_server, wire, stream):
    data = blob(bytes(300_000))
    wire.call("PutRecord", StreamName=stream, PartitionKey="a", Data=data)
    iterator = wire.call("GetShardIterator", StreamName=stream, ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON")
    narrow = Http2(unlimited_server.port, window=1000)
    response = narrow.call("GetRecords", iterator)  # h2 raises FlowControlError if the server sends too much
    assert response.json()["Records"][0]["Data"] == data
    narrow.close()


def test_pings_are_answered(http2):
    http2.call("ListStreams")
    http2.state.ping(b"12345678")
    http2.flush()
    while not any(isinstance(event, h2.events.PingAckReceived) for event in http2.events):
        http2.receive()
        assert not http2.closed


def test_a_flood_of_resets_is_cut_off(unlimited_server, wire):
    attacker = Http2(unlimited_server.port)
    try:
        for _ in range(20_000):
            stream = attacker.state.get_next_available_stream_id()
            attacker.state.send_headers(stream, attacker.headers("ListStreams", b"{}"))
            attacker.state.reset_stream(stream)
            if stream % 200 == 1:
                attacker.flush()
        attacker.flush()
        while not attacker.closed:
            attacker.receive()
    except (OSError, h2.exceptions.ProtocolError):
        attacker.closed = True
    assert attacker.closed
    attacker.close()
    assert wire.post("ListStreams").status == 200


def test_a_flood_of_continuations_is_cut_off(unlimited_server, wire):
    attacker = Http2(unlimited_server.port)
    attacker.call("ListStreams")
    frame = struct.Struct(">BHBBI")

    def send(kind, flags, payload):
        attacker.socket.sendall(frame.pack(0, len(payload), kind, flags, 101) + payload)

    block = b"\x00\x01a\x7f\x81\x00" + b"b" * 255  # a literal header that is never indexed
    cut_off = False
    try:
        send(1, 0, block)
        for _ in range(20_000):
            send(9, 0, block)
        while not attacker.closed:
            attacker.receive()
    except OSError:
        cut_off = True
    assert cut_off or attacker.closed
    attacker.close()
    assert wire.post("ListStreams").status == 200


def test_bytes_that_are_no_frames_end_the_connection(unlimited_server, wire):
    attacker = Http2(unlimited_server.port)
    attacker.call("ListStreams")
    attacker.socket.sendall(b"\xff" * 4096)
    try:
        while not attacker.closed:
            attacker.receive()
    except OSError:
        attacker.closed = True
    assert attacker.closed
    attacker.close()
    assert wire.post("ListStreams").status == 200
