"""The commands for people at a terminal, against a running server."""
import json
import subprocess

import pytest

from harness.server import BINARY
from harness.wire import wait_active


@pytest.fixture
def weir(unlimited_server):
    def run(*arguments, stdin=None):
        return subprocess.run([str(BINARY), arguments[0], "--endpoint-url", unlimited_server.endpoint, *arguments[1:]],
                              input=stdin, capture_output=True, text=True, timeout=60, check=False)
    return run


def test_put_and_tail_carry_records_through_a_split(weir, wire, stream):
    assert weir("put", stream, "first", "--partition-key", "a").returncode == 0
    assert weir("put", stream, stdin="second\nthird\n").returncode == 0
    wire.call("SplitShard", StreamName=stream, ShardToSplit="shardId-0", NewStartingHashKey=str(2**126))
    wait_active(wire, stream)
    assert weir("put", stream, "fourth", "--partition-key", "a").returncode == 0
    tailed = weir("tail", stream, "--from-start", "--until-caught-up")
    assert tailed.returncode == 0, tailed.stderr
    lines = tailed.stdout.splitlines()
    assert sorted(lines) == ["first", "fourth", "second", "third"]
    assert lines.index("first") < lines.index("fourth"), "a parent comes before its children"


def test_tail_can_print_json(weir, stream):
    weir("put", stream, "x", "--partition-key", "a")
    record = json.loads(weir("tail", stream, "--from-start", "--until-caught-up", "--json").stdout.splitlines()[0])
    text = json.dumps(record)
    assert "shardId-000000000000" in text and '"a"' in text


def test_streams_lists_what_is_there(weir, stream):
    listed = weir("streams")
    assert listed.returncode == 0 and stream in listed.stdout


def test_the_region_is_the_aws_clis(weir, stream, monkeypatch):
    """AWS_REGION wins over AWS_DEFAULT_REGION; each Region is a name space of its own."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert stream not in weir("streams").stdout
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert stream in weir("streams").stdout


def test_a_missing_stream_is_an_error_with_words(weir):
    for arguments in (("put", "not-there", "x"), ("tail", "not-there", "--until-caught-up")):
        run = weir(*arguments)
        assert run.returncode == 1 and "not-there" in run.stderr


def test_nobody_there_is_an_error_with_words():
    run = subprocess.run([str(BINARY), "streams", "--endpoint-url", "http://127.0.0.1:1"], capture_output=True, text=True,
                         timeout=30, check=False)
    assert run.returncode == 1 and run.stderr


def test_inspect_shows_the_data_directory(unlimited_server, wire, stream):
    wire.call("PutRecord", StreamName=stream, PartitionKey="a", Data="aGk=")
    run = subprocess.run([str(BINARY), "inspect", str(unlimited_server.data_directory)], capture_output=True, text=True,
                         timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert "segment" in run.stdout.lower()
