"""The drill of 2020: front ends are added, and none of those that are there pays for it with a thread, a descriptor or memory."""
import json
import time

import pytest
from cluster import ADMIN_OFFSET, wait_for
from drill import CELLS, FRONT_ENDS, NODES
from measure import cpu_seconds, metric, resident_bytes, threads_and_descriptors

FEW, MANY = 2, 24
KNOWN_S = 5.0
MEMORY_SHARE = 0.05
BEATS_PER_SECOND = CELLS * NODES


def polls_answered(cluster):
    return sum(metric(cluster.directory_port(index) + ADMIN_OFFSET, "weir_map_source_answers_total") for index in range(2))


class DirectoryCost:
    """CPU of both directories over a while, and the polls of followers that they answered in it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.began, self.polls = time.monotonic(), polls_answered(cluster)
        self.cpu = self.cpu_now()

    def cpu_now(self):
        return sum(cpu_seconds(self.cluster.pid(f"directory-{index}")) for index in range(2))

    def end(self):
        """(CPU seconds in a second, polls in a second)"""
        seconds = time.monotonic() - self.began
        return (self.cpu_now() - self.cpu) / seconds, (polls_answered(self.cluster) - self.polls) / seconds


def known_followers(cluster):
    """Front ends of which a directory knows that they hold the newest map."""
    known = set()
    for index in range(2):
        try:
            status = json.loads(cluster.admin_at(index, "status", "--json").stdout)
        except ValueError:
            continue
        known |= {follower["name"] for follower in status["followers"]
                  if follower["kind"] == "front end" and follower["map_version"] == status["map_version"]}
    return known


@pytest.mark.drill("2020")
@pytest.mark.writers_through(front_ends=FEW)
def test_growing_the_fleet_of_front_ends_costs_none_of_them_a_thread(cluster, load, figures):
    for index in range(FEW, FRONT_ENDS):
        cluster.stop(f"frontend-{index}")
    time.sleep(7)  # the load has been everywhere, and caches are as full as it makes them
    first = cluster.pid("frontend-0")
    before, memory_before = threads_and_descriptors(first), resident_bytes(first)
    cost = DirectoryCost(cluster)
    time.sleep(7)
    few_cpu, few_polls = cost.end()
    more = range(FEW, MANY)
    for index in more:
        cluster.certificate(f"frontend-{index}")  # which is the operator's time, not the fleet's
    started, known_after = {}, {}
    try:
        for index in more:
            started[f"frontend-{index}"] = time.monotonic()
            cluster.start_front_end(index)
        began = time.monotonic()
        waiting = {f"frontend-{index}": index for index in more}
        while waiting and time.monotonic() < began + 60:
            for name in known_followers(cluster) & set(waiting):
                if cluster.ready(cluster.front_end_port(waiting[name])):
                    known_after[name] = time.monotonic() - started[name]
                    del waiting[name]
        assert not waiting, f"not known: {sorted(waiting)}"
        time.sleep(2)
        cost = DirectoryCost(cluster)
        time.sleep(7)
        many_cpu, many_polls = cost.end()
        after, memory_after = threads_and_descriptors(first), resident_bytes(first)
    finally:
        for index in more:
            if index >= FRONT_ENDS:
                cluster.stop(f"frontend-{index}")
    wait_for("frontend-2", lambda: cluster.ready(cluster.front_end_port(2)))
    figures.add(f"threads, descriptors of a front end, one of {FEW}", before)
    figures.add(f"threads, descriptors of a front end, one of {MANY}", after, before)
    figures.add("its memory", f"{memory_before / 2**20:.1f} MiB, then {memory_after / 2**20:.1f} MiB", "5 % more")
    figures.add(f"CPU of the directories, {FEW} front ends", f"{few_cpu * 1000:.1f} ms/s at {few_polls:.1f} polls/s")
    figures.add(f"CPU of the directories, {MANY} front ends", f"{many_cpu * 1000:.1f} ms/s at {many_polls:.1f} polls/s")
    figures.add("CPU of the directories for each further front end", f"{(many_cpu - few_cpu) / (MANY - FEW) * 1000:.2f} ms/s")
    figures.add("CPU of the directories for one beat or poll, all else counted in",
                f"{few_cpu / (BEATS_PER_SECOND + few_polls) * 1000:.2f} ms at most")
    figures.add("errors of the load", len(load.errors()), "0")
    figures.time(f"{MANY - FEW} new front ends started at once: known and serving, the slowest", max(known_after.values()),
                 KNOWN_S)
    assert before == after
    assert memory_after <= memory_before * (1 + MEMORY_SHARE)
    assert not load.errors()
