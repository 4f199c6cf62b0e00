"""Bad days of a fleet, each on a real cluster of this machine (scripts/cluster/cluster.py) under load.

A time fails a drill only past three times its bound: the machine may be busy.
"""
import signal
import subprocess
import time

import pytest
from cluster import ADMIN_OFFSET, wait_for
from drill import FRONT_ENDS, PATIENCE, ROOT, percentile, settle
from fleet_load import Reader
from measure import metric

WRITABLE_AGAIN_S = 5.0
STOPPED_S = 30
OUTAGE_S, FULL_OUTAGE_S = 60, 300
SAVED_MAP_S = 0.3
P99_SHARE = 1.2


@pytest.mark.drill("node-killed")
def test_a_killed_nodes_lanes_are_writable_again(cluster, load, figures):
    assert not load.errors()
    killed = time.monotonic()
    cluster.kill("node-0-0")
    time.sleep(12)
    gap = load.longest_gap(killed)
    cluster.start_node(0, 0)
    settle(cluster)
    figures.time("longest time without a write", gap, WRITABLE_AGAIN_S)


@pytest.mark.drill("node-stopped")
def test_a_stopped_node_that_wakes_up_acknowledges_nothing(cluster, load, figures):
    """The stale owner: it sleeps through its own replacement and wakes up in the belief that it still owns its lanes."""
    name, admin_port = "node-1-0", cluster.node_port(1, 0) + ADMIN_OFFSET
    cluster.send(name, signal.SIGSTOP)
    stopped = time.monotonic()
    # The last writes may be on their way to the engine at this moment; they are older than the takeover.
    time.sleep(STOPPED_S)
    taken = claims(cluster, name)
    gap = load.longest_gap(stopped)
    cluster.send(name, signal.SIGCONT)
    woken = time.monotonic()
    made_durable = []
    while time.monotonic() < woken + 3 and claims(cluster, name) == taken:
        made_durable.append(metric(admin_port, "weir_journal_committed_records_total"))
    time.sleep(3)
    assert load.acknowledged(since=woken) > 0
    settle(cluster)
    figures.add("records that the node made durable after it woke up, under its old epochs",
                f"{made_durable[-1] - made_durable[0]:.0f}", "0")
    figures.add("looks at that", len(made_durable))
    figures.time("longest time without a write", gap, WRITABLE_AGAIN_S)
    assert made_durable[-1] == made_durable[0]


def claims(cluster, node):
    """How many lanes the node has claimed so far."""
    return sum((cluster.folder / f"directory-{index}.log").read_text().count(f"node={node} epoch=") for index in range(2))


@pytest.mark.drill("ceph-killed")
def test_killing_one_osd_and_then_all_of_ceph_loses_nothing(cluster, load, figures):
    ceph = [ROOT / "scripts" / "cluster" / "ceph.sh"]
    folder = cluster.folder / "ceph"
    subprocess.run([*ceph, "kill-osd", folder, "0"], check=True)
    time.sleep(4)
    subprocess.run([*ceph, "start-osd", folder, "0"], check=True)
    time.sleep(2)
    subprocess.run([*ceph, "kill-all", folder], check=True)
    subprocess.run([*ceph, "start-all", folder], check=True, stdout=subprocess.DEVNULL)
    back = time.monotonic()
    time.sleep(WRITABLE_AGAIN_S * 2)
    gap = load.longest_gap(back)
    figures.time("longest time without a write after Ceph was back", gap, WRITABLE_AGAIN_S)


@pytest.mark.drill("control-plane-gone")
def test_with_the_control_plane_gone_data_flows_on(cluster, load, figures, full_length):
    assert not load.errors()
    seconds = FULL_OUTAGE_S if full_length else OUTAGE_S
    readers = [Reader(cluster.front_end_port(index), stream, "shardId-000000000000")
               for index, stream in enumerate(load.histories)]
    for reader in readers:
        reader.start()
    time.sleep(1)
    gone = time.monotonic()
    for name in ("directory-0", "directory-1", "etcd"):
        cluster.kill(name)
    time.sleep(seconds / 2)
    restarted = FRONT_ENDS - 1
    cluster.stop(f"frontend-{restarted}")
    started = time.monotonic()
    cluster.start_front_end(restarted)
    wait_for("the front end, from its saved map", lambda: cluster.ready(cluster.front_end_port(restarted)))
    from_saved_map = time.monotonic() - started
    again = time.monotonic()
    time.sleep(seconds / 2)
    failed = [error for writer in load.writers for asked, _, error in writer.answers
              if error and asked >= (again if writer.port == cluster.front_end_port(restarted) else gone)]
    through_restarted = sum(1 for writer in load.writers if writer.port == cluster.front_end_port(restarted)
                            for asked, _, error in writer.answers if not error and asked >= again)
    puts = load.acknowledged(since=gone)
    for reader in readers:
        reader.stop()
    cluster.start_etcd()
    for index in range(2):
        cluster.start_directory(index)
    settle(cluster)
    figures.add(f"puts in {seconds} s without etcd and directories", puts)
    figures.add("failed puts", len(failed), "0")
    figures.add("gets, records got", f"{sum(reader.answers for reader in readers)}, {sum(reader.records for reader in readers)}")
    figures.add("failed gets", sum(len(reader.errors) for reader in readers), "0")
    figures.add("puts through the front end that was restarted meanwhile", through_restarted)
    figures.time("it was ready, from its saved map, after", from_saved_map, SAVED_MAP_S)
    assert not failed, failed[:5]
    assert not [error for reader in readers for error in reader.errors]
    assert through_restarted > 0 and all(reader.records for reader in readers)


@pytest.mark.drill("cell-down")
def test_a_cell_that_is_down_takes_no_other_cells_streams_with_it(cluster, load, figures):
    calm = time.monotonic()
    time.sleep(8)
    down = time.monotonic()
    cluster.kill_together([f"node-1-{index}" for index in range(2)])
    time.sleep(8)
    up = time.monotonic()
    streams = {stream: len(load.errors(stream, since=down)) for stream in load.histories}
    other = min(streams, key=streams.get)
    before, meanwhile = (percentile(load.durations(other, since, until), 0.99) for since, until in ((calm, down), (down, up)))
    for index in range(2):
        cluster.start_node(1, index)
    settle(cluster)
    time.sleep(5)
    figures.add("failed attempts on streams of the cell that is down", max(streams.values()))
    figures.add("failed attempts on streams of the other cell", streams[other], "0")
    figures.add("p99 of puts to the other cell, before and meanwhile", f"{before * 1000:.1f} ms, {meanwhile * 1000:.1f} ms",
                "20 % more")
    assert streams[other] == 0, streams
    assert max(streams.values()) > 0, streams
    assert meanwhile <= before * P99_SHARE * PATIENCE


@pytest.mark.drill("rolling-restart")
def test_every_process_is_restarted_in_turn_and_nothing_is_lost(cluster, load, figures):
    """As at an upgrade: each gets SIGTERM, drains, and is started again before the next."""
    names = [f"directory-{index}" for index in range(2)] + [f"node-{cell}-{index}" for cell in range(2) for index in range(2)] + [
        f"frontend-{index}" for index in range(FRONT_ENDS)]
    began = time.monotonic()
    for name in names:
        cluster.stop(name)
        assert not cluster.is_running(name), f"{name} does not end in good order"
        cluster.restart(name)
        settle(cluster)
    took = time.monotonic() - began
    time.sleep(3)
    failed = load.errors(since=began)
    final = [error for error in failed if not is_retryable(error)]
    figures.add(f"{len(names)} processes restarted one after the other in", f"{took:.1f} s")
    figures.add("puts meanwhile", load.acknowledged(since=began))
    figures.add("puts that a client has to try again", len(failed))
    figures.add("puts that failed for good", len(final), "0")
    figures.time("longest time without a write to a shard", load.longest_gap(began), WRITABLE_AGAIN_S)
    assert not final, final[:5]


def is_retryable(error):
    """What every SDK tries again by itself: a connection that ended, and answers of the 500s."""
    return not error[:3].isdigit() or error.startswith("5")


@pytest.mark.drill("no-peers")
def test_no_front_end_talks_to_another(cluster, load):
    """Connections of the process go to directories and nodes, or come from clients, and nowhere else."""
    others = {cluster.front_end_port(index) for index in range(FRONT_ENDS)}
    ours = subprocess.run(["ss", "-tnpH", "state", "established"], capture_output=True, text=True, check=True).stdout
    for index in range(FRONT_ENDS):
        pid, port = cluster.pid(f"frontend-{index}"), cluster.front_end_port(index)
        for line in ours.splitlines():
            if f"pid={pid}," not in line:
                continue
            local, peer = (int(word.rsplit(":", 1)[1]) for word in line.split()[2:4])
            assert local == port or peer not in others, line
