"""Fleets that serve accounts of their own: who lets whom in, and what happens while that changes."""
import base64
import json
import secrets
import signal
import time
import urllib.request

import pytest
from cluster import DEDICATED_ACCOUNT, DEDICATED_KEY, DEDICATED_SECRET, wait_for
from drill import FRONT_ENDS
from harness.sigv4 import Credentials
from harness.wire import ApiError, Wire, wait_active

KNOWN_EVERYWHERE_S = 1.0
UNKNOWN = "UnrecognizedClientException"
WRONG = "InvalidSignatureException"
ACCOUNT = "222222222222"


def call(port, credentials, operation="ListStreams", **parameters):
    """The answer, or the error's code."""
    wire = Wire(port, credentials=credentials)
    try:
        return wire.call(operation, **parameters)
    except ApiError as error:
        return error.code
    finally:
        wire.close()


def serves(port, credentials):
    """A throttled request was let in, too."""
    return call(port, credentials) not in (UNKNOWN, WRONG)


def until(wanted, what):
    """Seconds until it is so."""
    began = time.monotonic()
    while not wanted():
        assert time.monotonic() < began + 30, f"{what}: not in 30 s"
        time.sleep(0.01)
    return time.monotonic() - began


def everything_in_etcd(cluster):
    """All keys and values, in clear."""
    body = json.dumps({"key": base64.b64encode(b"\0").decode(), "range_end": base64.b64encode(b"\0").decode()}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{cluster.etcd_port}/v3/kv/range", body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        entries = json.load(answer)["kvs"]
    return b"".join(base64.b64decode(entry[part]) for entry in entries for part in ("key", "value") if part in entry)


@pytest.fixture
def dedicated(cluster):
    """The port of a front end of the dedicated fleet."""
    cluster.start_dedicated(0)
    wait_for("dedicated-0", lambda: cluster.ready(cluster.dedicated_port(0)))
    yield cluster.dedicated_port(0)
    cluster.send("dedicated-0", signal.SIGTERM)
    cluster.wait_gone("dedicated-0")


@pytest.fixture
def tenant(cluster):
    """An access key of an account that no fleet names yet."""
    credentials = Credentials(f"AKIA{secrets.token_hex(6).upper()}", secrets.token_hex(20))
    cluster.put_credential(credentials.access_key_id, ACCOUNT, credentials.secret)
    yield credentials
    cluster.must_admin("assign", ACCOUNT, "default", "--overlap", 0)
    cluster.must_admin("remove-credential", credentials.access_key_id)


@pytest.mark.drill("tenants")
def test_an_account_moves_to_a_fleet_of_its_own_and_nobody_is_refused(cluster, dedicated, figures, tenant):
    default = cluster.front_end_port(0)
    of_dedicated = Credentials(DEDICATED_KEY, DEDICATED_SECRET)
    assert serves(default, Credentials()) and not serves(dedicated, Credentials())
    assert serves(dedicated, of_dedicated) and not serves(default, of_dedicated)
    figures.time("a new access key is served", until(lambda: serves(default, tenant), "a new key"), KNOWN_EVERYWHERE_S)
    assert not serves(dedicated, tenant)

    call(default, tenant, "CreateStream", StreamName="moving", ShardCount=1)
    wire = Wire(default, credentials=tenant)
    wait_active(wire, "moving")
    wire.close()
    cluster.must_admin("assign", ACCOUNT, "dedicated", "--overlap", 3)
    assert serves(default, tenant), "the fleet that loses the account serves it until the overlap has passed"
    figures.time("the new fleet serves the account", until(lambda: serves(dedicated, tenant), "an assignment"),
                 KNOWN_EVERYWHERE_S)
    for port in (default, dedicated):
        put = call(port, tenant, "PutRecord", StreamName="moving", Data=base64.b64encode(b"one").decode(), PartitionKey="k")
        assert "SequenceNumber" in put, put
    fleets = {fleet["fleet"]: fleet for fleet in json.loads(cluster.admin("list-fleets", "--json").stdout)}
    assert fleets["dedicated"]["accounts"] == sorted([DEDICATED_ACCOUNT, ACCOUNT])
    assert [leaving["account"] for leaving in fleets["default"]["leaving"]] == [ACCOUNT]
    call(dedicated, tenant, "DeleteStream", StreamName="moving")


@pytest.mark.drill("tenant-keys")
def test_a_changed_and_a_removed_key_is_known_everywhere_and_no_secret_is_in_clear(cluster, figures, tenant):
    ports = [cluster.front_end_port(index) for index in range(FRONT_ENDS)]
    until(lambda: all(serves(port, tenant) for port in ports), "a new key")
    changed = Credentials(tenant.access_key_id, secrets.token_hex(20))
    cluster.put_credential(changed.access_key_id, ACCOUNT, changed.secret)
    figures.time("a changed secret is the one everywhere",
                 until(lambda: all(serves(port, changed) for port in ports), "a changed secret"),
                 KNOWN_EVERYWHERE_S)
    assert all(call(port, tenant) == WRONG for port in ports)
    stored = everything_in_etcd(cluster)
    assert changed.access_key_id.encode() in stored
    maps = [path.read_bytes() for path in cluster.folder.glob("*/map")]
    for secret in (tenant.secret, changed.secret, DEDICATED_SECRET):
        assert secret.encode() not in stored
        assert not any(secret.encode() in saved for saved in maps)
    assert changed.secret not in cluster.admin("list-credentials", "--json").stdout
    cluster.must_admin("remove-credential", changed.access_key_id)
    figures.time("a removed key is unknown everywhere",
                 until(lambda: not any(serves(port, changed) for port in ports), "a removed key"), KNOWN_EVERYWHERE_S)
    cluster.put_credential(tenant.access_key_id, ACCOUNT, tenant.secret)
