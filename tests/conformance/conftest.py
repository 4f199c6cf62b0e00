"""Servers for the tests. One with the limits as they are by default, one without per-second limits."""
import itertools
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.server import Server  # noqa: E402
from harness.wire import Wire, wait_active  # noqa: E402

# State changes are quick, so that the tests take seconds. test_states.py looks at slow ones.
QUICK_STATES = {"directory.create_time": "20ms", "directory.update_time": "20ms", "directory.delete_time": "20ms"}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Every limit at its default; plain and TLS ports."""
    with Server(tmp_path_factory.mktemp("weir") / "data", QUICK_STATES, tls=True) as running:
        yield running


@pytest.fixture(scope="session")
def unlimited_server(tmp_path_factory):
    """No per-second limits, so that hundreds of malformed requests can be sent as fast as they come."""
    settings = {**QUICK_STATES, "limits.enforce_rates": "false"}
    with Server(tmp_path_factory.mktemp("weir-unlimited") / "data", settings) as running:
        yield running


@pytest.fixture
def wire(unlimited_server):
    connection = Wire(unlimited_server.port)
    yield connection
    connection.close()


_numbers = itertools.count()


@pytest.fixture
def stream_name(request):
    return f"{request.node.originalname[:60]}-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def stream(wire, stream_name):
    """The name of an ACTIVE stream of two shards, deleted afterwards."""
    wire.call("CreateStream", StreamName=stream_name, ShardCount=2)
    wait_active(wire, stream_name)
    yield stream_name
    wire.post("DeleteStream", {"StreamName": stream_name})


@pytest.fixture
def iterator(wire, stream):
    def make(shard="shardId-000000000000", kind="TRIM_HORIZON", **more):
        return wire.call("GetShardIterator", StreamName=stream, ShardId=shard, ShardIteratorType=kind,
                         **more)["ShardIterator"]
    return make
