"""The tests' own signer and encoder agree with published vectors, so that a disagreement is the server's."""
import hashlib

import cbor2

from harness import sigv4

VECTOR = sigv4.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HEADERS = {"Host": "localhost:4567", "Content-Type": "application/x-amz-json-1.1",
           "X-Amz-Target": "Kinesis_20131202.ListStreams"}


def test_signer_matches_the_known_vector():
    signed = sigv4.sign("POST", "/", HEADERS, b"{}", VECTOR, date="20260102T030405Z")
    assert signed["Authorization"].endswith(
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
        "Signature=b3d98d1bd3062919b9bd760bd782a1ea522367a3b7effe70341c5c3e07d5bd4c")


def test_signer_agrees_with_botocore_on_header_and_query_form():
    from botocore.auth import SigV4Auth, SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    request = AWSRequest("POST", "http://localhost:4567/", data=b"{}", headers={
        name: value for name, value in HEADERS.items() if name != "Host"})
    SigV4Auth(Credentials(VECTOR.access_key_id, VECTOR.secret, "token"), "kinesis", "us-east-1").add_auth(request)
    ours = sigv4.sign("POST", "/", HEADERS, b"{}", sigv4.Credentials(VECTOR.access_key_id, VECTOR.secret, "token"),
                      date=request.headers["X-Amz-Date"])
    assert request.headers["Authorization"] == ours["Authorization"]
    presigned = AWSRequest("POST", "http://localhost:4567/", data=b"", headers={})
    SigV4QueryAuth(Credentials(VECTOR.access_key_id, VECTOR.secret), "kinesis", "us-east-1", expires=60).add_auth(presigned)
    date = presigned.url.split("X-Amz-Date=")[1][:16]
    query = sigv4.presign("POST", {"Host": "localhost:4567"}, b"", VECTOR, date=date, expires_s=60)
    assert sorted(presigned.url.split("?")[1].split("&")) == sorted(query.split("&"))


def test_canonical_query_sorts_and_encodes():
    assert sigv4.canonical_query([("b", "x y"), ("a", "/~+")]) == "a=%2F~%2B&b=x%20y"


def test_cbor_encoder_matches_the_known_vector():
    document = {"Data": b"hi", "PartitionKey": "a", "Timestamp": cbor2.CBORTag(1, 1700000000123)}
    assert cbor2.dumps(document).hex() == (
        "a3" "6444617461" "426869" "6c506172746974696f6e4b6579" "6161" "6954696d657374616d70" "c1" "1b0000018bcfe5687b")
    assert hashlib.md5(b"a").hexdigest() == "0cc175b9c0f1b6a831c399e269772661"
