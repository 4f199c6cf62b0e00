"""A client that floods goes on on the server's background core, on the same connection, and comes back when it has calmed down."""
import http.client
import re
import ssl
import time

import pytest
from conftest import QUICK_STATES

from harness.http2 import Http2
from harness.server import Server
from harness.wire import Wire, blob, wait_active

# As frontend/giving_way.h has them.
REFUSED_PER_SECOND_MAX = 32
GIVES_WAY_S = 5


@pytest.fixture(scope="module")
def flooded_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("weir-flooded") / "data", QUICK_STATES, tls=True) as running:
        yield running


def in_background(server):
    _, metrics = server.admin("/metrics")
    return int(re.search(r"^weir_net_connections_in_background (\d+)$", metrics, re.MULTILINE)[1])


class Plain:
    """One connection, asked for one thing after the other."""

    def __init__(self, server):
        self.wire = Wire(server.port)
        self.post = self.wire.post
        self.close = self.wire.close

    def socket(self):
        return self.wire.connection.sock


class Tls(Plain):
    def __init__(self, server):
        super().__init__(server)
        context = ssl.create_default_context(cafile=str(server.certificate))
        self.wire.connection = http.client.HTTPSConnection("localhost", server.tls_port, timeout=30, context=context)


class OverHttp2:
    def __init__(self, server):
        self.connection = Http2(server.port)
        self.post = self.connection.call
        self.close = self.connection.close

    def socket(self):
        return self.connection.socket


@pytest.mark.parametrize("connect", [Plain, Tls, OverHttp2])
def test_who_floods_is_served_in_the_background_and_loses_nothing(flooded_server, stream_name, connect):
    other = Wire(flooded_server.port)
    other.call("CreateStream", StreamName=stream_name, ShardCount=1)
    wait_active(other, stream_name)
    client = connect(flooded_server)
    client.post("ListShards", {"StreamName": stream_name})
    socket = client.socket()
    asked = 0
    while in_background(flooded_server) == 0:
        asked += 1
        assert asked < 1_000, "it gives way after so many refusals"
        client.post("ListStreams")
    assert asked > REFUSED_PER_SECOND_MAX
    acknowledged = []
    for number in range(20):
        put = client.post("PutRecord", {"StreamName": stream_name, "PartitionKey": "k", "Data": blob(b"%d" % number * 30_000)})
        if put.status == 200:
            acknowledged.append(put.json()["SequenceNumber"])
        client.post("ListStreams")
    assert len(acknowledged) >= 10
    assert in_background(flooded_server) == 1, "it, and not the other connection of its account"

    time.sleep(GIVES_WAY_S + 0.2)
    assert client.post("ListStreams").status == 200
    assert in_background(flooded_server) == 0
    assert client.post("ListShards", {"StreamName": stream_name}).status == 200
    assert client.socket() is socket, "one connection all the time"
    client.close()
    iterator = other.call("GetShardIterator", StreamName=stream_name, ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON")
    records = other.call("GetRecords", **iterator)["Records"]
    assert [record["SequenceNumber"] for record in records] == acknowledged
    other.close()
