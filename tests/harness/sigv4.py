"""AWS Signature Version 4, the signer's side, written from the public description and held to a known vector by
tests/conformance/test_harness.py. Independent of the server's verifier and of every SDK."""
import datetime
import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    access_key_id: str = "test"
    secret: str = "test"
    session_token: str = ""


@dataclass(frozen=True)
class Scope:
    region: str = "us-east-1"
    service: str = "kinesis"
    terminator: str = "aws4_request"

    def text(self, day):
        return f"{day}/{self.region}/{self.service}/{self.terminator}"


def timestamp(now=None):
    now = now or datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=64)
def signing_key(secret, day, scope):
    key = ("AWS4" + secret).encode()
    for part in (day, scope.region, scope.service, scope.terminator):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def canonical_query(parameters):
    pairs = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in pairs)


def canonical_request(method, path, parameters, headers, names, body_hash):
    """headers: lower-case name -> value. names: the signed ones, sorted."""
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names)
    return "\n".join((method, path, canonical_query(parameters), lines, ";".join(names), body_hash))


def signature(request, date, credentials, scope, day=None):
    day = day or date[:8]
    text = "\n".join((ALGORITHM, date, scope.text(day), hashlib.sha256(request.encode()).hexdigest()))
    return hmac.new(signing_key(credentials.secret, day, scope), text.encode(), hashlib.sha256).hexdigest()


def sign(method, path, headers, body, credentials=Credentials(), scope=Scope(), date=None, scope_day=None,
         signed_names=None):
    """The headers, with X-Amz-Date, the session token and Authorization added. `headers` must contain Host."""
    date = date or timestamp()
    headers = dict(headers)
    headers["X-Amz-Date"] = date
    if credentials.session_token:
        headers["X-Amz-Security-Token"] = credentials.session_token
    lower = {name.lower(): value for name, value in headers.items()}
    names = sorted(lower if signed_names is None else signed_names)
    body_hash = lower.get("x-amz-content-sha256") or hashlib.sha256(body).hexdigest()
    request = canonical_request(method, path, (), lower, names, body_hash)
    day = scope_day or date[:8]
    headers["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope.text(day)}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature(request, date, credentials, scope, day)}")
    return headers


def presign(method, headers, body, credentials=Credentials(), scope=Scope(), date=None, expires_s=None):
    """The query string that signs a request for path `/`."""
    date = date or timestamp()
    lower = {name.lower(): value for name, value in headers.items()}
    names = sorted(lower)
    parameters = [("X-Amz-Algorithm", ALGORITHM),
                  ("X-Amz-Credential", f"{credentials.access_key_id}/{scope.text(date[:8])}"),
                  ("X-Amz-Date", date), ("X-Amz-SignedHeaders", ";".join(names))]
    if expires_s is not None:
        parameters.append(("X-Amz-Expires", str(expires_s)))
    if credentials.session_token:
        parameters.append(("X-Amz-Security-Token", credentials.session_token))
    request = canonical_request(method, "/", parameters, lower, names, hashlib.sha256(body).hexdigest())
    parameters.append(("X-Amz-Signature", signature(request, date, credentials, scope)))
    return canonical_query(parameters)
