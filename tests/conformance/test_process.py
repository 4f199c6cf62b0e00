"""The process itself: what it prints, how it stops, what it refuses to start with, its admin port."""
import os
import re
import subprocess

import pytest

from harness import sigv4
from harness.server import BINARY, Server, free_port
from harness.wire import Wire, blob, wait_active


@pytest.fixture
def own_server(tmp_path):
    with Server(tmp_path / "data") as running:
        yield running


def test_three_lines_to_paste_are_printed(own_server):
    text = own_server.log_path.read_text()
    assert own_server.endpoint in text
    assert "test" in text
    assert re.search(r"aws .*kinesis .*--endpoint-url " + re.escape(own_server.endpoint), text) or \
        re.search(r"aws .*--endpoint-url " + re.escape(own_server.endpoint) + r" .*kinesis", text)


def test_a_stop_is_clean_and_keeps_everything(own_server):
    wire = Wire(own_server.port)
    wire.call("CreateStream", StreamName="kept", ShardCount=1)
    wait_active(wire, "kept")
    put = wire.call("PutRecord", StreamName="kept", PartitionKey="k", Data="aGk=")
    wire.close()
    assert own_server.stop() == 0
    own_server.start()
    wire = Wire(own_server.port)
    iterator = wire.call("GetShardIterator", StreamName="kept", ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON")
    records = wire.call("GetRecords", **iterator)["Records"]
    assert [(record["SequenceNumber"], record["Data"]) for record in records] == [(put["SequenceNumber"], "aGk=")]
    wire.close()


def test_the_admin_port_says_how_it_is(own_server):
    assert own_server.admin("/livez")[0] == 200
    assert own_server.admin("/readyz")[0] == 200
    status, metrics = own_server.admin("/metrics")
    assert status == 200
    names = re.findall(r"^# TYPE (\w+) \w+$", metrics, re.MULTILINE)
    assert names and all(name.startswith("weir_") for name in names)
    assert own_server.admin("/nothing")[0] == 404


def threads_of(server):
    return len(os.listdir(f"/proc/{server.process.pid}/task"))


def test_threads_do_not_grow_with_connections_and_shards(own_server):
    before = threads_of(own_server)
    wires = [Wire(own_server.port) for _ in range(200)]
    wires[0].call("CreateStream", StreamName="wide", ShardCount=50)
    wait_active(wires[0], "wide")
    for wire in wires:
        wire.call("PutRecord", StreamName="wide", PartitionKey="k", Data="")
    assert threads_of(own_server) == before
    for wire in wires:
        wire.close()


def page_faults_of(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[7])


def test_memory_that_large_answers_took_is_used_again(tmp_path):
    """An answer of 13 MB is 3,300 pages: the system need not give them anew for each."""
    with Server(tmp_path / "data", {"limits.enforce_rates": "false", "server.cores": 1}) as server:
        wire = Wire(server.port)
        wire.call("CreateStream", StreamName="large", ShardCount=1)
        wait_active(wire, "large")
        records = [{"PartitionKey": "k", "Data": blob(b"x" * 1_000_000)}] * 4
        for _ in range(3):
            assert wire.call("PutRecords", StreamName="large", Records=records)["FailedRecordCount"] == 0
        iterator = wire.call("GetShardIterator", StreamName="large", ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON")
        for _ in range(3):
            assert len(wire.call("GetRecords", **iterator)["Records"]) == 10
        before = page_faults_of(server)
        for _ in range(5):
            wire.call("GetRecords", **iterator)
        assert (page_faults_of(server) - before) / 5 < 1_000
        wire.close()


def start_refused(*arguments):
    run = subprocess.run([str(BINARY), "serve", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode != 0
    return run.stdout + run.stderr


def test_the_well_known_key_is_served_on_loopback_only(tmp_path):
    said = start_refused("--data-dir", str(tmp_path / "data"), "--address", "0.0.0.0", "--port", str(free_port()),
                         "--admin-port", str(free_port()))
    assert "test" in said and ("loopback" in said or "127.0.0.1" in said)


def test_any_credentials_are_accepted_on_loopback_only(tmp_path):
    said = start_refused("--data-dir", str(tmp_path / "data"), "--address", "0.0.0.0", "--port", str(free_port()),
                         "--admin-port", str(free_port()), "--accept-any-credentials")
    assert "loopback" in said or "127.0.0.1" in said


def test_any_credentials_choose_their_account(tmp_path):
    with Server(tmp_path / "data", arguments=["--accept-any-credentials"]) as server:
        wire = Wire(server.port, sigv4.Credentials("123456789012", "whatever"))
        wire.call("CreateStream", StreamName="mine", ShardCount=1)
        summary = wait_active(wire, "mine")
        assert summary["StreamARN"] == "arn:aws:kinesis:us-east-1:123456789012:stream/mine"
        other = Wire(server.port, sigv4.Credentials("someone", "else"))
        assert other.call("ListStreams")["StreamNames"] == []
        wire.close()
        other.close()


@pytest.mark.parametrize("document, named", [
    ("[server]\nprot = 1\n", "prot"), ("[server]\nport = 'many'\n", "port"), ("[server\n", ":1"), ("[server]\nport = 70000\n", "70000"),
])
def test_a_mistake_in_the_configuration_is_named(tmp_path, document, named):
    file = tmp_path / "weir.toml"
    file.write_text(document)
    said = start_refused("--config", str(file), "--data-dir", str(tmp_path / "data"))
    assert str(file) in said and named in said


def test_an_unknown_setting_is_refused(tmp_path):
    assert "server.prot" in start_refused("--data-dir", str(tmp_path / "data"), "--set", "server.prot=1")


def test_one_data_directory_has_one_server(own_server):
    said = start_refused("--data-dir", str(own_server.data_directory), "--port", str(free_port()), "--admin-port",
                         str(free_port()))
    assert str(own_server.data_directory) in said or "use" in said or "lock" in said


def test_every_command_has_help():
    top = subprocess.run([str(BINARY), "--help"], capture_output=True, text=True, check=True).stdout
    for command in ("serve", "put", "tail", "streams", "inspect", "cert"):
        assert command in top
        run = subprocess.run([str(BINARY), command, "--help"], capture_output=True, text=True, check=True)
        assert len(run.stdout.splitlines()) > 2
