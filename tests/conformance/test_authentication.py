"""Signatures: both forms, what is refused and in which words."""
import datetime
import hashlib

import pytest

from harness import sigv4
from harness.wire import JSON, TARGET, Wire

MISMATCH = ("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
            "and signing method. Consult the service documentation for details.")


def minutes_from_now(minutes):
    return sigv4.timestamp(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes))


def list_streams(wire, **how):
    return wire.signed("ListStreams", b"{}", **how)


def refused(response, code):
    assert response.status == 400, response.body
    got, message = response.error
    assert got == code, response.body
    return message


def test_a_signed_request_is_served(wire):
    assert list_streams(wire).status == 200


def test_any_set_of_signed_headers_is_verified(wire):
    extra = {"X-Amz-User-Agent": "a  b   c", "X-Amz-Content-Sha256": hashlib.sha256(b"{}").hexdigest(), "Accept": "*/*"}
    assert list_streams(wire, extra=extra).status == 200
    assert list_streams(wire, extra=extra, signed_names=["host", "x-amz-date"]).status == 200


def test_the_body_hash_in_a_header_must_be_that_of_the_body(wire):
    wrong = {"X-Amz-Content-Sha256": hashlib.sha256(b"{ }").hexdigest()}
    assert list_streams(wire, extra=wrong).status == 400
    streaming = {"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
    refused(list_streams(wire, extra=streaming), "InvalidSignatureException")


def test_a_presigned_request_is_served(wire):
    headers = {"Host": wire.host, "X-Amz-Target": TARGET + "ListStreams", "Content-Type": JSON}
    query = sigv4.presign("POST", headers, b"{}", expires_s=60)
    assert wire.send("POST", "/?" + query, headers, b"{}").status == 200
    assert wire.send("POST", "/?" + query, headers, b'{"Limit":1}').error == ("InvalidSignatureException", MISMATCH)


def test_a_presigned_request_expires(wire):
    headers = {"Host": wire.host, "X-Amz-Target": TARGET + "ListStreams", "Content-Type": JSON}
    query = sigv4.presign("POST", headers, b"{}", date=minutes_from_now(-30), expires_s=60)
    refused(wire.send("POST", "/?" + query, headers, b"{}"), "InvalidSignatureException")
    query = sigv4.presign("POST", headers, b"{}", date=minutes_from_now(-30), expires_s=3600)
    assert wire.send("POST", "/?" + query, headers, b"{}").status == 200


def test_both_forms_at_once_are_refused(wire):
    headers = sigv4.sign("POST", "/", wire.headers("ListStreams"), b"{}")
    message = refused(wire.send("POST", "/?X-Amz-Algorithm=AWS4-HMAC-SHA256", headers, b"{}"), "InvalidSignatureException")
    assert message == "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."


def test_missing_authentication_is_refused(wire):
    message = refused(wire.send("POST", "/", wire.headers("ListStreams"), b"{}"), "MissingAuthenticationTokenException")
    assert message == "Missing Authentication Token"


def test_an_incomplete_header_names_all_that_is_missing(wire):
    message = refused(wire.send("POST", "/", {**wire.headers("ListStreams"), "Authorization": "AWS4-HMAC-SHA256"}, b"{}"),
                      "IncompleteSignatureException")
    assert message == ("Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
                       "parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires "
                       "existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256")


def test_an_incomplete_query_names_all_that_is_missing(wire):
    message = refused(wire.send("POST", "/?X-Amz-Algorithm=", wire.headers("ListStreams"), b"{}"),
                      "IncompleteSignatureException")
    assert message == ("AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include "
                       "'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string "
                       "parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include "
                       "'X-Amz-Date'. Re-examine the query-string parameters.")


def test_a_credential_has_five_parts(wire):
    headers = {**wire.headers("ListStreams"), "X-Amz-Date": sigv4.timestamp(),
               "Authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c"}
    message = refused(wire.send("POST", "/", headers, b"{}"), "IncompleteSignatureException")
    assert message == "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b'"


def test_parameters_may_be_apart_by_commas_or_blanks(wire):
    headers = sigv4.sign("POST", "/", wire.headers("ListStreams"), b"{}")
    for separator in (",", ",  ", " "):
        changed = {**headers, "Authorization": headers["Authorization"].replace(", ", separator)}
        assert wire.send("POST", "/", changed, b"{}").status == 200, separator


def test_the_clock_may_be_five_minutes_off(wire):
    assert list_streams(wire, date=minutes_from_now(-4.8)).status == 200
    assert list_streams(wire, date=minutes_from_now(4.8)).status == 200
    message = refused(list_streams(wire, date=minutes_from_now(-6)), "InvalidSignatureException")
    assert message.startswith("Signature expired: ") and message.endswith(" - 5 min.)") and " is now earlier than " in message
    message = refused(list_streams(wire, date=minutes_from_now(6)), "InvalidSignatureException")
    assert message.startswith("Signature not yet current: ") and message.endswith(" + 5 min.)")


def test_the_host_must_be_signed(wire):
    message = refused(list_streams(wire, signed_names=["x-amz-date"]), "InvalidSignatureException")
    assert message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


@pytest.mark.parametrize("scope, message", [
    (sigv4.Scope(service="dynamodb"), "Credential should be scoped to correct service: 'kinesis'. "),
    (sigv4.Scope(terminator="aws3_request"),
     "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3_request'. "),
])
def test_a_wrong_scope_is_named(wire, scope, message):
    assert refused(list_streams(wire, scope=scope), "InvalidSignatureException").strip() == message.strip()


def test_all_wrong_parts_of_a_scope_are_named_together(wire):
    message = refused(list_streams(wire, scope=sigv4.Scope(service="s3", terminator="end")), "InvalidSignatureException")
    assert message.index("correct service: 'kinesis'") < message.index("valid terminator: 'aws4_request', not 'end'")


def test_the_day_of_the_scope_is_that_of_the_request(wire):
    date = sigv4.timestamp()
    message = refused(list_streams(wire, date=date, scope_day="20200101"), "InvalidSignatureException")
    assert f"'20200101' != '{date[:8]}', from '{date}'." in message


def test_an_unknown_key_is_refused(wire):
    message = refused(list_streams(wire, credentials=sigv4.Credentials("nobody", "test")), "UnrecognizedClientException")
    assert message == "The security token included in the request is invalid."


def test_a_wrong_secret_is_refused(wire):
    message = refused(list_streams(wire, credentials=sigv4.Credentials("test", "Test")), "InvalidSignatureException")
    assert message.startswith(MISMATCH)


@pytest.mark.parametrize("change", ["body", "target", "host", "signature"])
def test_whatever_was_signed_cannot_be_changed(wire, change):
    headers = sigv4.sign("POST", "/", wire.headers("ListStreams"), b"{}")
    body = b"{}"
    if change == "body":
        body = b'{"Limit":1}'
    elif change == "target":
        headers["X-Amz-Target"] = TARGET + "DescribeLimits"
    elif change == "host":
        headers["Host"] = "localhost:1"
    else:
        headers["Authorization"] = headers["Authorization"][:-1] + ("0" if headers["Authorization"][-1] != "0" else "1")
    assert refused(wire.send("POST", "/", headers, body), "InvalidSignatureException").startswith(MISMATCH)


def test_every_region_is_a_name_space_of_its_own(unlimited_server, wire, stream):
    elsewhere = Wire(unlimited_server.port, scope=sigv4.Scope(region="eu-west-1"))
    assert stream in wire.call("ListStreams")["StreamNames"]
    assert stream not in elsewhere.call("ListStreams")["StreamNames"]
    assert elsewhere.post("DescribeStream", {"StreamName": stream}).error[0] == "ResourceNotFoundException"
    elsewhere.close()


def test_errors_of_authentication_for_other_types_are_xml_with_403(wire):
    response = wire.send("GET", "/", {"Authorization": "AWS4-HMAC-SHA256 Credential=x"})
    assert response.status == 403
    assert response.body.startswith(b"<")
    assert "content-type" not in response.headers
