"""Cold start: the whole of the directories and front ends at once, and one front end by itself, with 20,000 shards in the map."""
import tempfile
import time

import pytest
from cluster import Cluster, wait_for
from drill import BASE_PORT, keep_logs, need
from fleet_load import Load, PatientWire
from harness.wire import wait_active
from measure import resident_bytes

DIRECTORIES, FRONT_ENDS, CELLS = 2, 3, 2
STREAMS, SHARDS_OF_EACH = 20, 1000
ALL_READY_S, EMPTY_DISK_S, SAVED_MAP_S = 5.0, 1.0, 0.3


def create_streams(port, names, shards):
    """Five CreateStream a second are allowed, and five streams may be in the making at once."""
    wire = PatientWire(port, timeout_s=60)
    for name in names:
        wire.call("CreateStream", StreamName=name, ShardCount=shards)
    for name in names:
        wait_active(wire, name)
    wire.close()


@pytest.fixture
def large_cluster(no_shared_cluster, request):
    need("etcd")
    made = Cluster(tempfile.mkdtemp(prefix="weir-cold-"), BASE_PORT,
                   {"directory.account_shards_max": 1_000_000, "directory.shards_max": 1_000_000})
    try:
        made.up(directories=DIRECTORIES, cells=CELLS, front_ends=FRONT_ENDS, engine="files")
        yield made
    finally:
        if getattr(request.node, "failed_somewhere", False):
            keep_logs(made, "cold-start")
        made.down()


def seconds_until_ready(cluster, ports, since):
    waiting = set(ports)
    while waiting:
        waiting = {port for port in waiting if not cluster.ready(port)}
        assert time.monotonic() < since + 60, f"not ready: {sorted(waiting)}"
        time.sleep(0.005)
    return time.monotonic() - since


def restart_front_end(cluster, index, with_map):
    cluster.kill(f"frontend-{index}")
    map_file = cluster.folder / f"frontend-{index}" / "map"
    if with_map:
        assert map_file.exists()
    else:
        map_file.unlink(missing_ok=True)
    started = time.monotonic()
    cluster.start_front_end(index)
    return seconds_until_ready(cluster, [cluster.front_end_port(index)], started)


@pytest.mark.drill("cold-start")
def test_directories_and_front_ends_that_start_together_are_ready_within_seconds(large_cluster, figures):
    cluster = large_cluster
    began = time.monotonic()
    create_streams(cluster.front_end_port(0), [f"wide-{number}" for number in range(STREAMS)], SHARDS_OF_EACH)
    figures.add(f"{STREAMS} streams of {SHARDS_OF_EACH} shards made in", f"{time.monotonic() - began:.1f} s")
    load = Load([cluster.front_end_port(index) for index in range(FRONT_ENDS)])
    for name in ("cold-a", "cold-b"):
        load.create_stream(name, 4)
        load.start(name)
    wait_for("the map to be saved", lambda: all((cluster.folder / f"frontend-{index}" / "map").exists() for index in range(3)))
    time.sleep(3)
    names = [f"directory-{index}" for index in range(DIRECTORIES)] + [f"frontend-{index}" for index in range(FRONT_ENDS)]
    ports = [cluster.directory_port(index) for index in range(DIRECTORIES)] + [
        cluster.front_end_port(index) for index in range(FRONT_ENDS)]
    for maps in ("saved maps", "empty disks"):
        cluster.kill_together(names)
        if maps == "empty disks":
            for name in names:
                (cluster.folder / name / "map").unlink(missing_ok=True)
        started = time.monotonic()
        for index in range(DIRECTORIES):
            cluster.start_directory(index)
        for index in range(FRONT_ENDS):
            cluster.start_front_end(index)
        figures.time(f"all of them together, {maps}: ready after", seconds_until_ready(cluster, ports, started), ALL_READY_S)
        again = time.monotonic()
        wait_for("every writer to write", lambda: all(
            writer.answers[-1][2] is None and writer.answers[-1][0] > again for writer in load.writers))
    figures.time("one front end, empty disk: ready after", restart_front_end(cluster, 0, with_map=False), EMPTY_DISK_S)
    wait_for("the map to be saved", (cluster.folder / "frontend-0" / "map").exists)
    figures.time("one front end, saved map: ready after", restart_front_end(cluster, 0, with_map=True), SAVED_MAP_S)
    figures.add("memory of a directory and a front end", " and ".join(
        f"{resident_bytes(cluster.pid(name)) / 2**20:.0f} MiB" for name in ("directory-0", "frontend-0")))
    load.stop()
    figures.add("acknowledged records that are there, once, in order", load.check(), "all")
