"""The real clients, each behind the same face: `call(operation, parameters)` in, the answer's members out.

Data is bytes, timestamps are seconds as floats, an error is harness.wire.ApiError with the code that the client's own error
type names. Credentials and Region come from the environment, as a user would set them.
"""
import base64
import datetime
import json
import os
import re
import subprocess
from pathlib import Path

from harness.server import ROOT
from harness.wire import ApiError

CLIENTS = ROOT / "build" / "clients"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_PAGER": "", "AWS_EC2_METADATA_DISABLED": "true",
}


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, **ENVIRONMENT, **more}


def map_values(value, convert, name=""):
    """Rebuilds the value with convert(member name, leaf) for each leaf."""
    if isinstance(value, dict):
        return {key: map_values(item, convert, key) for key, item in value.items()}
    if isinstance(value, list):
        return [map_values(item, convert, name) for item in value]
    return convert(name, value)


class Boto3:
    def __init__(self, endpoint):
        import boto3
        from botocore.config import Config
        self.client = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1").client(
                "kinesis", endpoint_url=endpoint, config=Config(retries={"mode": "standard", "max_attempts": 10}))

    def call(self, operation, parameters):
        from botocore.exceptions import ClientError
        from botocore import xform_name
        try:
            answer = getattr(self.client, xform_name(operation))(**parameters)
        except ClientError as error:
            details = error.response["Error"]
            raise ApiError(details["Code"], details["Message"],
                           error.response["ResponseMetadata"]["HTTPStatusCode"]) from error
        answer.pop("ResponseMetadata")
        return map_values(answer, lambda _, leaf: leaf.timestamp() if isinstance(leaf, datetime.datetime) else leaf)

    def close(self):
        self.client.close()


class AwsCli:
    ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation(?: \(reached max retries: \d+\))?: (.*)", re.S)

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def call(self, operation, parameters):
        kebab = re.sub(r"(?<!^)(?=[A-Z])", "-", operation).lower()
        parameters = map_values(parameters, lambda _, leaf: leaf.decode() if isinstance(leaf, bytes) else leaf)
        run = subprocess.run(
            [CLIENTS / "python" / "bin" / "aws", "kinesis", kebab, "--endpoint-url", self.endpoint, "--no-paginate",
             "--output", "json", "--cli-input-json", json.dumps(parameters)],
            env=environment(AWS_RETRY_MODE="standard", AWS_MAX_ATTEMPTS="10"), capture_output=True, text=True, timeout=120,
            check=False)
        if run.returncode != 0:
            match = self.ERROR.search(run.stderr)
            if not match:
                raise RuntimeError(run.stderr)
            raise ApiError(match.group(1), match.group(2).strip(), 400)
        answer = json.loads(run.stdout) if run.stdout.strip() else {}
        return map_values(answer, self.leaf)

    @staticmethod
    def leaf(name, value):
        if name == "Data":
            return base64.b64decode(value)
        if name.endswith("Timestamp") and isinstance(value, str):
            return datetime.datetime.fromisoformat(value).timestamp()
        return value

    def close(self):
        pass


class JavaScript:
    """A Node process that runs the SDK's commands; one line of JSON each way (javascript/bridge.mjs)."""

    def __init__(self, endpoint, transport, certificate=None):
        more = {"NODE_EXTRA_CA_CERTS": str(certificate)} if certificate else {}
        self.process = subprocess.Popen(
            ["node", Path(__file__).parent / "javascript" / "bridge.mjs", CLIENTS / "javascript", endpoint, transport],
            env=environment(**more), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, operation, parameters):
        parameters = map_values(parameters, self.outgoing)
        self.process.stdin.write(json.dumps({"operation": operation, "parameters": parameters}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the bridge ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise ApiError(answer["error"], answer["message"], answer.get("status", 0))
        return map_values(answer["answer"], self.incoming)

    @staticmethod
    def outgoing(name, leaf):
        if isinstance(leaf, bytes):
            return "base64:" + base64.b64encode(leaf).decode()
        return f"date:{leaf}" if name.endswith("Timestamp") else leaf

    @staticmethod
    def incoming(_, leaf):
        if isinstance(leaf, str) and leaf.startswith("base64:"):
            return base64.b64decode(leaf.removeprefix("base64:"))
        if isinstance(leaf, str) and leaf.startswith("date:"):
            return float(leaf.removeprefix("date:"))
        return leaf

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
