"""One keep-alive HTTP/1.1 connection that says exactly what a test wants said."""
import base64
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any

from . import sigv4

JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"
TARGET = "Kinesis_20131202."


@dataclass
class Response:
    status: int
    headers: dict  # lower-case names
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """(code, message) of a JSON error body; the message is None where there is none."""
        document = self.json()
        return document["__type"], document.get("message", document.get("Message"))


class ApiError(Exception):
    def __init__(self, code, message, status):
        super().__init__(f"{status} {code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Wire:
    def __init__(self, port, credentials=sigv4.Credentials(), scope=sigv4.Scope(), host="127.0.0.1", timeout_s=30):
        self.credentials = credentials
        self.scope = scope
        self.host = f"{host}:{port}"
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout_s)

    def close(self):
        self.connection.close()

    def send(self, method="POST", path="/", headers=None, body=b""):
        """Sends these headers and no others (but Host and Content-Length), unsigned unless they are signed."""
        headers = {"Host": self.host, **(headers or {})}
        self.connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        if not any(name.lower() in ("content-length", "transfer-encoding") for name in headers):
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body if body else None)
        answer = self.connection.getresponse()
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def headers(self, operation, content_type=JSON):
        return {"Host": self.host, "Content-Type": content_type, "X-Amz-Target": TARGET + operation}

    def signed(self, operation, body, content_type=JSON, extra=None, method="POST", path="/", **how):
        """A signed request for the operation; `how` goes to sigv4.sign."""
        headers = {**self.headers(operation, content_type), **(extra or {})}
        how.setdefault("credentials", self.credentials)
        how.setdefault("scope", self.scope)
        return self.send(method, path, sigv4.sign(method, path, headers, body, **how), body)

    def post(self, operation, parameters=None, **how) -> Response:
        return self.signed(operation, json.dumps(parameters or {}).encode(), **how)

    def call(self, operation, **parameters) -> Any:
        """The answer's members ({} for an empty body). Raises ApiError."""
        response = self.post(operation, parameters)
        if response.status != 200:
            code, message = response.error if response.body else ("", "")
            raise ApiError(code, message, response.status)
        return response.json() if response.body else {}


def blob(data):
    return base64.b64encode(data).decode()


def wait_active(wire, name, within_s=30):
    """Polls until the stream is ACTIVE; its summary."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            summary = wire.call("DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"]
            if summary["StreamStatus"] == "ACTIVE":
                return summary
        except ApiError as error:
            if error.code != "LimitExceededException":
                raise
        if time.monotonic() > deadline:
            raise TimeoutError(f"stream {name} is not ACTIVE after {within_s} s")
        time.sleep(0.06)
