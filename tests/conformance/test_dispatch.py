"""Which answer a request gets before any operation runs: the order of checks, the headers of every answer, CORS."""
import email.utils
import json
import re
import socket
import time

import cbor2
import pytest

from harness import sigv4
from harness.wire import CBOR, JSON, TARGET, Wire

XML_DENIED = (b"<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized"
              b"</Message>\n</AccessDeniedException>\n")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def test_every_answer_has_ids_a_date_and_a_length(wire):
    response = wire.post("ListStreams")
    assert response.status == 200
    assert UUID.fullmatch(response.headers["x-amzn-requestid"])
    assert 80 <= len(response.headers["x-amz-id-2"]) <= 108
    assert abs(email.utils.parsedate_to_datetime(response.headers["date"]).timestamp() - time.time()) < 60
    assert response.headers["content-type"] == JSON
    assert int(response.headers["content-length"]) == len(response.body)
    assert "connection" not in response.headers
    refused = wire.send("POST", "/", {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}, b"{}")
    assert UUID.fullmatch(refused.headers["x-amzn-requestid"])
    assert refused.headers["x-amzn-requestid"] != response.headers["x-amzn-requestid"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_without_authentication_are_refused_in_xml(wire, method):
    response = wire.send(method, "/")
    assert response.status == 403
    assert "content-type" not in response.headers
    assert response.body in (XML_DENIED, b"<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token"
                                         b"</Message>\n</MissingAuthenticationTokenException>\n")


def test_head_is_refused_without_a_body(wire):
    response = wire.send("HEAD", "/")
    assert (response.status, response.body) == (403, b"")


@pytest.mark.parametrize("target, content_type, code, answer_type", [
    (TARGET + "ListStreams", JSON, "SerializationException", JSON),
    (TARGET + "NoSuchThing", JSON, "UnknownOperationException", JSON),
    (None, JSON, "UnknownOperationException", JSON),
])
def test_an_empty_body_is_refused_by_the_target(wire, target, content_type, code, answer_type):
    headers = {"Content-Type": content_type, **({"X-Amz-Target": target} if target else {})}
    response = wire.send("POST", "/", headers)
    assert response.status == 400
    assert response.headers["content-type"] == answer_type
    assert response.json() == {"__type": code}


def test_an_empty_body_of_another_type_is_answered_in_cbor(wire):
    response = wire.send("POST", "/", {"X-Amz-Target": TARGET + "ListStreams"})
    assert response.status == 400
    assert response.headers["content-type"] == CBOR
    assert cbor2.loads(response.body) == {"__type": "SerializationException"}


def test_an_unknown_content_type_without_a_target_is_denied(wire):
    headers = sigv4.sign("POST", "/", {"Host": wire.host, "Content-Type": "text/plain"}, b"{}")
    response = wire.send("POST", "/", headers, b"{}")
    assert (response.status, response.body) == (403, XML_DENIED)


def test_an_unknown_content_type_with_a_target_is_an_unknown_operation(wire):
    response = wire.send("POST", "/", {"Content-Type": "text/plain", "X-Amz-Target": TARGET + "ListStreams"}, b"{}")
    assert (response.status, response.body) == (404, b"<UnknownOperationException/>\n")
    assert "content-type" not in response.headers


@pytest.mark.parametrize("body", [b"true", b"null", b"[]", b"{", b"{}}", b'{"a":}', b"\xff\xfe", b'"text"'])
def test_a_body_that_is_no_object_cannot_be_read(wire, body):
    response = wire.send("POST", "/", wire.headers("ListStreams"), body)
    assert response.status == 400
    assert response.json() == {"__type": "SerializationException"}


def test_plain_json_is_answered_in_the_old_envelope(wire):
    headers = {"Content-Type": "application/json", "X-Amz-Target": TARGET + "ListStreams"}
    prefix = "com.amazon.coral.service#"
    response = wire.send("POST", "/", headers, b"{}")
    assert response.status == 404
    assert response.json() == {"Output": {"__type": prefix + "UnknownOperationException"}, "Version": "1.0"}
    response = wire.send("POST", "/", headers, b"[")
    assert response.status == 400
    assert response.json() == {"Output": {"__type": prefix + "SerializationException"}, "Version": "1.0"}


@pytest.mark.parametrize("target", [
    TARGET + "NoSuchThing", TARGET + "listStreams", "Kinesis_20990101.ListStreams", "ListStreams", "DynamoDB_20120810.ListTables",
])
def test_an_unknown_operation_is_named_before_authentication(wire, target):
    response = wire.send("POST", "/", {"Content-Type": JSON, "X-Amz-Target": target}, b"{}")
    assert response.status == 400
    assert response.json() == {"__type": "UnknownOperationException"}


def test_an_operation_not_built_yet_is_an_unknown_one(wire):
    response = wire.post("CreateChannel", {"ChannelName": "x"})
    assert (response.status, response.json()) == (400, {"__type": "UnknownOperationException"})


def test_authentication_comes_before_types_and_constraints(wire):
    response = wire.send("POST", "/", wire.headers("PutRecord"), b'{"StreamName": 1}')
    assert response.error == ("MissingAuthenticationTokenException", "Missing Authentication Token")


def test_types_are_checked_before_constraints(wire):
    response = wire.post("PutRecord", {"StreamName": "", "PartitionKey": 5, "Data": ""})
    assert response.error[0] == "SerializationException"


@pytest.mark.parametrize("content_type", [JSON + "; charset=utf-8", JSON + " ;x=y", "  " + JSON])
def test_parameters_of_the_content_type_do_not_matter(wire, content_type):
    assert wire.post("ListStreams", content_type=content_type.strip()).status == 200


def test_the_path_does_not_matter(wire):
    response = wire.signed("ListStreams", b"{}", path="/some/path")
    assert response.status == 200


def test_unknown_and_null_members_are_ignored(wire):
    assert wire.post("ListStreams", {"Limit": None, "NewMember": {"a": [1]}, "StreamId": "x"}).status == 200


def test_operations_without_output_answer_nothing_at_all(wire, stream):
    response = wire.post("AddTagsToStream", {"StreamName": stream, "Tags": {"a": "b"}})
    assert (response.status, response.body) == (200, b"")
    assert response.headers["content-length"] == "0"
    assert response.headers["content-type"] == JSON


def test_cors_preflight_echoes_what_was_asked(wire):
    response = wire.send("OPTIONS", "/", {
        "Origin": "https://example.com", "Access-Control-Request-Headers": "x-amz-target,content-type",
        "Access-Control-Request-Method": "POST"})
    assert (response.status, response.body) == (200, b"")
    assert response.headers["content-length"] == "0"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-headers"] == "x-amz-target,content-type"
    assert response.headers["access-control-allow-methods"] == "POST"
    assert response.headers["access-control-max-age"] == "172800"
    assert UUID.fullmatch(response.headers["x-amzn-requestid"])
    assert "x-amz-id-2" not in response.headers and "content-type" not in response.headers


def test_answers_to_a_browser_expose_their_headers(wire):
    response = wire.post("ListStreams", extra={"Origin": "https://example.com"})
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-expose-headers"] == (
        "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date")
    assert "access-control-allow-origin" not in wire.post("ListStreams").headers


def test_a_body_above_the_limit_is_refused_whole(unlimited_server):
    connection = Wire(unlimited_server.port)
    connection.connection.putrequest("POST", "/")
    for name, value in connection.headers("PutRecord").items():
        if name != "Host":
            connection.connection.putheader(name, value)
    connection.connection.putheader("Content-Length", str(64 * 1024 * 1024))
    connection.connection.endheaders()
    answer = connection.connection.getresponse()
    assert answer.status == 413
    connection.close()


def test_a_waiting_client_is_told_to_continue(unlimited_server):
    with socket.create_connection(("127.0.0.1", unlimited_server.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
                           b"Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"{}")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_chunked_bodies_are_read(wire):
    body = json.dumps({"Limit": 1}).encode()
    headers = sigv4.sign("POST", "/", wire.headers("ListStreams"), body)
    chunked = b"".join(b"%x\r\n%s\r\n" % (1, body[i:i + 1]) for i in range(len(body))) + b"0\r\n\r\n"
    response = wire.send("POST", "/", {**headers, "Transfer-Encoding": "chunked"}, chunked)
    assert response.status == 200


def test_requests_sent_ahead_are_answered_in_order(unlimited_server):
    one = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Type: application/x-amz-json-1.1\r\n"
           b"X-Amz-Target: Kinesis_20131202.%s\r\n\r\n{}")
    with socket.create_connection(("127.0.0.1", unlimited_server.port), timeout=10) as connection:
        connection.sendall(one % b"Unknown" + one % b"ListStreams" + one % b"Unknown")
        received = b""
        while received.count(b'"__type"') < 3:
            more = connection.recv(65536)
            assert more, received
            received += more
    codes = re.findall(rb'"__type":"(\w+)"', received)
    assert codes == [b"UnknownOperationException", b"MissingAuthenticationTokenException", b"UnknownOperationException"]
