"""The saved map of a front end is damaged or old when it starts: never a write to a wrong shard."""
import shutil
import time

import pytest
from cluster import ADMIN_OFFSET, fetch, wait_for
from drill import settle
from fleet_load import BROKEN, PatientWire
from harness.wire import ApiError, Wire, blob, wait_active

HASH_KEYS = 2**128
DIRECTORIES = 2
DAMAGES = {
    "empty": lambda good: b"",
    "cut off in the first bytes": lambda good: good[:10],
    "cut off in the middle": lambda good: good[:len(good) // 2],
    "without its last byte": lambda good: good[:-1],
    "one bit of the payload": lambda good: good[:len(good) // 2] + bytes([good[len(good) // 2] ^ 1]) + good[len(good) // 2 + 1:],
    "one bit of the length": lambda good: good[:8] + bytes([good[8] ^ 1]) + good[9:],
    "zeros": lambda good: bytes(len(good)),
    "something else": lambda good: b"[server]\nport = 1\n" * 50,
}


def shard_ranges(wire, stream):
    return {shard["ShardId"]: (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
            for shard in wire.call("ListShards", StreamName=stream)["Shards"]}


def put_everywhere(port, stream, answers, points=16):
    """One record for each of the points of the key space; notes (hash key, shard) of what was acknowledged."""
    wire = Wire(port, timeout_s=20)
    failed = 0
    for point in range(points):
        key = HASH_KEYS // points * point + point
        try:
            answer = wire.call("PutRecord", StreamName=stream, PartitionKey="k", ExplicitHashKey=str(key), Data=blob(b"x"))
            answers.append((key, answer["ShardId"], int(answer["SequenceNumber"])))
        except (ApiError, *BROKEN):
            failed += 1
    wire.close()
    return failed


def check_places(wire, stream, answers):
    """Each acknowledged record is in the shard that owns its key, and is that shard's: it was open at that time or is now."""
    ranges = shard_ranges(wire, stream)
    for key, shard, _ in answers:
        low, high = ranges[shard]
        assert low <= key <= high, f"key {key} was acknowledged in {shard}, which owns {low} to {high}"
    read = set()
    for shard in ranges:
        iterator = wire.call("GetShardIterator", StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while iterator:
            answer = wire.call("GetRecords", ShardIterator=iterator)
            read |= {(shard, int(record["SequenceNumber"])) for record in answer["Records"]}
            iterator = answer.get("NextShardIterator")
            if answer["MillisBehindLatest"] == 0 and not answer["Records"]:
                break
            time.sleep(0.25)
    missing = {(shard, number) for _, shard, number in answers} - read
    assert not missing, f"acknowledged but not there: {sorted(missing)[:5]}"


def start_from(cluster, content):
    cluster.kill("frontend-2")
    (cluster.folder / "frontend-2" / "map").write_bytes(content)
    cluster.start_front_end(2)


@pytest.mark.drill("map-damaged")
def test_a_damaged_saved_map_is_never_served_from(cluster, figures):
    stream, port, answers = "map-damaged", cluster.front_end_port(2), []
    wire = PatientWire(cluster.front_end_port(0))
    wire.call("CreateStream", StreamName=stream, ShardCount=4)
    wait_active(wire, stream)
    map_file = cluster.folder / "frontend-2" / "map"
    wait_for("the front end to know the stream", lambda: put_everywhere(port, stream, answers, points=1) == 0)
    cluster.stop("frontend-2")  # which saves what it holds
    good = map_file.read_bytes()
    for damage, harm in DAMAGES.items():
        start_from(cluster, harm(good))
        wait_for("the front end", lambda: cluster.ready(port))
        assert put_everywhere(port, stream, answers) == 0, damage
    figures.add(f"damaged in {len(DAMAGES)} ways, with directories", "starts, and serves with their map")
    cluster.kill_together([f"directory-{index}" for index in range(DIRECTORIES)])
    for damage, harm in DAMAGES.items():
        start_from(cluster, harm(good))
        wait_for("the admin port", lambda: fetch(f"http://127.0.0.1:{port + ADMIN_OFFSET}/livez")[0] == 200)
        time.sleep(0.5)
        assert not cluster.ready(port), damage
        assert put_everywhere(port, stream, answers, points=2) == 2, damage
    figures.add(f"damaged in {len(DAMAGES)} ways, without directories", "serves nothing, and is not ready")
    start_from(cluster, good)
    wait_for("the front end", lambda: cluster.ready(port))
    assert put_everywhere(port, stream, answers) == 0
    figures.add("whole, without directories", "serves from it")
    for index in range(DIRECTORIES):
        cluster.start_directory(index)
    settle(cluster)
    check_places(wire, stream, answers)
    figures.add("acknowledged puts that are in the shard that owns their key", len(answers), "all")
    wire.call("DeleteStream", StreamName=stream)
    wire.close()


@pytest.mark.drill("map-stale")
def test_with_a_map_from_before_a_reshard_no_write_goes_to_a_wrong_shard(cluster, figures):
    """The front end starts without a directory, from a map in which the shards that were split since are open."""
    stream, port, answers = "map-stale", cluster.front_end_port(2), []
    wire = PatientWire(cluster.front_end_port(0))
    wire.call("CreateStream", StreamName=stream, ShardCount=2)
    wait_active(wire, stream)
    wait_for("the front end to know the stream", lambda: put_everywhere(port, stream, answers, points=1) == 0)
    cluster.stop("frontend-2")
    old = cluster.folder / "frontend-2" / "map-before"
    shutil.copy(cluster.folder / "frontend-2" / "map", old)
    wire.call("SplitShard", StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(HASH_KEYS // 4))
    wait_active(wire, stream)
    closed = "shardId-000000000000"
    before = len(answers)
    cluster.kill_together([f"directory-{index}" for index in range(DIRECTORIES)])
    start_from(cluster, old.read_bytes())
    wait_for("the front end", lambda: cluster.ready(port))
    failed = put_everywhere(port, stream, answers, points=4)
    figures.add("puts with the old map: to shards that are still open", len(answers) - before)
    figures.add("... to the shard that was split: refused", failed, "2 of 4")
    assert closed not in {shard for _, shard, _ in answers[before:]}
    assert failed == 2 and len(answers) - before == 2
    for index in range(DIRECTORIES):
        cluster.start_directory(index)
    wait_for("the front end to follow", lambda: put_everywhere(port, stream, answers, points=4) == 0)
    settle(cluster)
    check_places(wire, stream, answers)
    figures.add("acknowledged puts that are in the shard that owns their key", len(answers), "all")
    wire.call("DeleteStream", StreamName=stream)
    wire.close()
