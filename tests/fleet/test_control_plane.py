"""What the control plane promises on a good day: changes are everywhere within a second, and etcd hardly notices the fleet."""
import re
import signal
import time
import urllib.request

import pytest
from cluster import ADMIN_OFFSET, fetch, wait_for
from drill import FRONT_ENDS
from harness.wire import ApiError, Wire, wait_active

KNOWN_EVERYWHERE_S = 1.0
CHANGES = 20
# Requests to etcd per second while nothing changes: the leader's renewals, the candidates' looks at its key, and
# nothing that the fleet's size or load adds to.
WATCHED_S = 8.0
SLACK_PER_S = 3.0


def patiently(wire, operation, **parameters):
    """Waits where the account's call rate is used up."""
    while True:
        try:
            return wire.call(operation, **parameters)
        except ApiError as error:
            if error.code != "LimitExceededException":
                raise
            time.sleep(0.2)


def held_version(cluster, index):
    """The version of the map that the front end serves from, of its own account."""
    _, text = fetch(f"http://127.0.0.1:{cluster.front_end_port(index) + ADMIN_OFFSET}/metrics")
    return int(float(re.search(rb"^weir_map_follower_version (\S+)$", text, re.MULTILINE)[1]))


@pytest.mark.drill("change-everywhere")
def test_a_change_is_at_every_front_end_within_a_second(cluster, load, figures):
    wires = [Wire(cluster.front_end_port(index)) for index in range(FRONT_ENDS)]
    patiently(wires[0], "CreateStream", StreamName="spread", ShardCount=2)
    wait_active(wires[0], "spread")
    took = []
    try:
        for change in range(CHANGES):
            asked = change % FRONT_ENDS
            patiently(wires[asked], "AddTagsToStream", StreamName="spread", Tags={"change": f"v{change}"})
            done = time.monotonic()
            version = held_version(cluster, asked)  # a front end answers when its own map shows the change
            for index in range(FRONT_ENDS):
                while held_version(cluster, index) < version:
                    assert time.monotonic() < done + 30, f"front end {index} does not get map {version}"
                    time.sleep(0.002)
            took.append(time.monotonic() - done)
            assert {"Key": "change", "Value": f"v{change}"} in patiently(
                wires[(asked + 1) % FRONT_ENDS], "ListTagsForStream", StreamName="spread")["Tags"]
    finally:
        patiently(wires[0], "DeleteStream", StreamName="spread")
        for wire in wires:
            wire.close()
    took.sort()
    figures.add("changes", CHANGES)
    figures.add("known at every front end, median", f"{took[len(took) // 2]:.3f} s")
    figures.time("... longest", took[-1], KNOWN_EVERYWHERE_S)


def etcd_requests(cluster):
    """All requests that etcd has answered, of whatever kind."""
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.etcd_port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(r"^grpc_server_started_total\{[^}]*\} (\S+)$", text, re.MULTILINE))


def rate_of_etcd(cluster):
    before, began = etcd_requests(cluster), time.monotonic()
    time.sleep(WATCHED_S)
    return (etcd_requests(cluster) - before) / (time.monotonic() - began)


@pytest.mark.drill("etcd-load")
def test_the_load_on_etcd_depends_on_neither_front_ends_nor_records(cluster, load, figures):
    time.sleep(1)
    busy = rate_of_etcd(cluster)
    records = load.acknowledged(since=time.monotonic() - WATCHED_S) / WATCHED_S
    load.stop()
    quiet = rate_of_etcd(cluster)
    more = range(FRONT_ENDS, FRONT_ENDS + 6)
    try:
        for index in more:
            cluster.start_front_end(index)
        for index in more:
            wait_for(f"frontend-{index}", lambda i=index: cluster.ready(cluster.front_end_port(i)))
        grown = rate_of_etcd(cluster)
    finally:
        for index in more:
            cluster.send(f"frontend-{index}", signal.SIGTERM)
            cluster.wait_gone(f"frontend-{index}")
    figures.add("etcd requests per second, idle", f"{quiet:.1f}")
    figures.add("... under writes", f"{busy:.1f}", f"{records:,.0f} records/s")
    figures.add("... with six more front ends", f"{grown:.1f}", f"{FRONT_ENDS + 6} front ends")
    assert quiet > 0, "etcd's own count is what this drill goes by"
    assert busy <= quiet + SLACK_PER_S
    assert grown <= quiet + SLACK_PER_S
