"""The drill of 2024: very many almost idle shards in one cell, while half of what the nodes say about themselves is lost."""
import collections
import re
import tempfile
import time

import pytest
from cluster import Cluster, wait_for
from drill import BASE_PORT, keep_logs, need
from fleet_load import Load
from lossy_proxy import LossyProxy
from measure import cpu_seconds, resident_bytes
from test_cold_start import create_streams

NODES, FRONT_ENDS = 3, 2
STREAMS, SHARDS_OF_EACH = 40, 5000
LOSS_S = 40
FULL_LOSS_S = 300
DEATHS_PER_MINUTE_MAX = 1
MOVES_PER_SECOND_MAX = 1


@pytest.fixture
def cell_of_many(no_shared_cluster, request):
    need("etcd", "ceph-osd", "ceph-mon")
    made = Cluster(tempfile.mkdtemp(prefix="weir-idle-"), BASE_PORT,
                   {"directory.account_shards_max": 1_000_000, "directory.shards_max": 1_000_000})
    proxy = LossyProxy(made.directory_port(0))
    try:
        made.up(directories=1, cells=1, nodes=0, front_ends=FRONT_ENDS, shards_max=250_000)
        for index in range(NODES):
            made.start_node(0, index, more={"fleet.directories": f"127.0.0.1:{proxy.port}"})
        for index in range(NODES):
            wait_for(f"node-0-{index}", lambda i=index: made.ready(made.node_port(0, i)))
        yield made, proxy
    finally:
        proxy.stop()
        if getattr(request.node, "failed_somewhere", False):
            keep_logs(made, "2024")
        made.down()


BEATS_SEEN = NODES * 5


def beat_size(proxy):
    """Of a fleet in which nothing happens: each node sends a beat a second, and next to nothing else."""
    proxy.sizes.clear()
    wait_for("messages of one size", lambda: max(proxy.sizes.values(), default=0) >= BEATS_SEEN)
    (size, _), = proxy.sizes.most_common(1)
    return size


def wait_for_beats_of(size, proxy):
    """Where the map changes, nodes ask for it, too, so the beats need not be what there is most of."""
    proxy.sizes.clear()
    wait_for(f"beats of {size} bytes", lambda: proxy.sizes[size] >= BEATS_SEEN)


def figures_of_memory(cluster, figures, when):
    names = ["etcd", "directory-0", "node-0-0", "frontend-0"]
    figures.add(f"memory of etcd, directory, node, front end, {when}",
                ", ".join(f"{resident_bytes(cluster.pid(name)) / 2**20:.0f}" for name in names) + " MiB")


@pytest.mark.drill("2024")
def test_many_idle_shards_and_lost_beats_move_no_lane_beyond_the_cap(cell_of_many, figures, full_length):
    cluster, proxy = cell_of_many
    size = beat_size(proxy)
    figures_of_memory(cluster, figures, "no stream")
    began = time.monotonic()
    create_streams(cluster.front_end_port(0), [f"idle-{number}" for number in range(STREAMS)], SHARDS_OF_EACH)
    figures.add(f"{STREAMS * SHARDS_OF_EACH:,} shards made in", f"{time.monotonic() - began:.1f} s")
    load = Load([cluster.front_end_port(index) for index in range(FRONT_ENDS)])
    load.create_stream("busy", 4)
    load.start("busy")
    wait_for_beats_of(size, proxy)
    figures_of_memory(cluster, figures, f"{STREAMS * SHARDS_OF_EACH:,} shards")
    figures.add("bytes of a beat on the wire, with no shard as with all of them", size)
    log = cluster.folder / "directory-0.log"
    read_from = log.stat().st_size
    cpu = cpu_seconds(cluster.pid("directory-0"))
    seconds = FULL_LOSS_S if full_length else LOSS_S
    proxy.lost = proxy.passed = 0
    proxy.share_lost = 0.5
    before = time.monotonic()
    time.sleep(seconds)
    proxy.share_lost = 0.0
    said = log.read_text()[read_from:]
    deaths = len(re.findall(r"taken for dead", said))
    moves = len(re.findall(r"is taken from a node", said))
    figures.add(f"messages of the nodes lost in {seconds} s", f"{proxy.lost} of {proxy.lost + proxy.passed}", "half")
    figures.add("nodes taken for dead", deaths, f"{DEATHS_PER_MINUTE_MAX} a minute")
    figures.add("lanes taken away for balance", moves, f"{MOVES_PER_SECOND_MAX} a second")
    figures.add("CPU of the directory meanwhile", f"{(cpu_seconds(cluster.pid('directory-0')) - cpu) / seconds * 1000:.1f} ms/s")
    figures.add("longest time without a write to a shard", f"{load.longest_gap(before):.2f} s")
    load.stop()
    failed = load.errors()
    figures.add("attempts that failed", len(failed))
    for error, count in collections.Counter(failed).most_common(3):
        figures.add("  of which", count, error[:200])
    figures.add("acknowledged records that are there, once, in order", load.check(), "all")
    assert proxy.lost > (proxy.lost + proxy.passed) / 3
    assert deaths <= DEATHS_PER_MINUTE_MAX * (seconds // 60 + 1)
    assert moves <= MOVES_PER_SECOND_MAX * seconds
