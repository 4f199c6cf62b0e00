"""One tenant at ten times its limits takes nothing from the others.

The flood has a rate of its own, ten times what the limits admit, and not what the machine takes: what is measured is
whether the fleet keeps one tenant from another, and not how it shares two cores with the program that floods it, or with
the one that measures. So the former runs when nobody else wants to, and the latter at once. What the flood costs is told
apart from what would have to be borne in any case: the comparison is with a tenant who sends just what was admitted of
the flood, when it was admitted, and nothing else; what is refused of that is sent again, so that as much is taken.

Not all of the flood can be sent: each of its connections waits for its answer, and the fleet lets one whose requests are
in vain wait before it reads the next. The figures say how much was sent.
"""
import math
import os
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from cluster import wait_for
from drill import FRONT_ENDS, PATIENCE
from fleet_load import wait_known
from harness import sigv4
from harness.wire import ApiError, Wire, blob, wait_active
from sender import Sender, first_of_all, last_of_all, mix

TIMES = 10
FLOOD_SENT = 0.2  # twice the limits: with less the drill would show nothing
OTHERS_ERRORS = 0.001
OTHERS_P99 = 1.2
# Ceph on a shared disk stands still for so long now and then, in one run and not in the other.
HICCUP_MS = 100

GOOD = sigv4.Credentials("test", "test")
POISON = sigv4.Credentials("AKIAPOISON", "poison")
POISON_ACCOUNT = "666666666666"


@pytest.fixture
def two_tenants(cluster):
    """A second account besides that of all other drills, known to every front end."""
    cluster.put_credential(POISON.access_key_id, POISON_ACCOUNT, POISON.secret)

    def known(port):
        wire = Wire(port, credentials=POISON)
        try:
            wire.call("ListShards", StreamName="none")
        except ApiError as error:
            return error.code == "ResourceNotFoundException"
        finally:
            wire.close()
    for index in range(FRONT_ENDS):
        wait_for("the second tenant's key", lambda i=index: known(cluster.front_end_port(i)))
    yield
    cluster.must_admin("remove-credential", POISON.access_key_id)


def patiently(wire, operation, **parameters):
    while True:
        try:
            return wire.call(operation, **parameters)
        except ApiError as error:
            if error.code not in ("LimitExceededException", "ResourceInUseException", "ProvisionedThroughputExceededException"):
                raise


class Stream:
    """A stream of a tenant, deleted at the end."""

    def __init__(self, cluster, credentials, name, shards):
        self.name, self.port, self.credentials = name, cluster.front_end_port(0), credentials
        with self.wire() as wire:
            patiently(wire, "CreateStream", StreamName=name, ShardCount=shards)
            wait_active(wire, name)
            listed = wire.call("ListShards", StreamName=name)["Shards"]
        self.shards = [shard["ShardId"] for shard in listed]
        self.ranges = [shard["HashKeyRange"]["StartingHashKey"] for shard in listed]
        for index in range(1, FRONT_ENDS):
            wait_known(cluster.front_end_port(index), name, credentials=credentials)

    def wire(self):
        """A connection of its own: one that is kept is idle for too long between two uses."""
        return closing(Wire(self.port, credentials=self.credentials))

    def iterators(self, kind="TRIM_HORIZON"):
        """Of all shards. They expire after five minutes."""
        with self.wire() as wire:
            return [patiently(wire, "GetShardIterator", StreamName=self.name, ShardId=shard, ShardIteratorType=kind)["ShardIterator"]
                    for shard in self.shards]

    def close(self):
        with self.wire() as wire:
            patiently(wire, "DeleteStream", StreamName=self.name)


def put(stream, shard, data_bytes):
    return {"StreamName": stream.name, "PartitionKey": "k", "ExplicitHashKey": stream.ranges[shard], "Data": blob(b"x" * data_bytes)}


def put_many(stream, shard, records, data_bytes):
    one = put(stream, shard, data_bytes)
    one.pop("StreamName")
    return {"StreamName": stream.name, "Records": [one] * records}


def normal_load(stream):
    """Of the tenant who keeps to its limits: a few hundred records a second, and readers."""
    every = range(len(stream.shards))
    return [mix("PutRecord", [put(stream, shard, 500) for shard in every], 120, 12),
            mix("PutRecords", [put_many(stream, shard, 10, 500) for shard in every], 12, 6),
            mix("GetRecords", [{"ShardIterator": iterator, "Limit": 100} for iterator in stream.iterators("LATEST")], 32, 8),
            mix("DescribeStreamSummary", [{"StreamName": stream.name}], 16, 6)]


def load_of_shards(stream, times):
    """So many times what the stream's shards may do, each limit by itself."""
    every = range(len(stream.shards))
    shards = len(stream.shards)
    return [mix("PutRecords", [put_many(stream, shard, 100, 20) for shard in every], shards * 1_000 * times / 100, 24, "records"),
            mix("PutRecords", [put_many(stream, shard, 10, 100_000) for shard in every], shards * 1.05 * times, 12, "bytes"),
            mix("PutRecord", [put(stream, shard, 200) for shard in every], 30 * times, 24, "single records"),
            mix("GetRecords", [{"ShardIterator": iterator} for iterator in stream.iterators()], shards * 5 * times, 24),
            mix("GetShardIterator", [{"StreamName": stream.name, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
                                     for shard in stream.shards], shards * 5 * times, 12)]


def load_of_account(stream, times):
    """So many times what the account's calls may do, each rate by itself."""
    return [mix("ListStreams", [{}], 5 * times, 12),
            mix("DescribeStreamSummary", [{"StreamName": stream.name}], 20 * times, 12),
            mix("CreateStream", [{"StreamName": stream.name, "ShardCount": 1}], 5 * times, 6)]


def flood_of_tenant(streams):
    """One list of mixes for each sender."""
    loads = [load_of_shards(stream, TIMES) for stream in streams]
    loads[0] += load_of_account(streams[0], TIMES)
    return loads


def admitted_of(loads, results):
    """The flood as what was admitted of it, at the same moments. They matter: a tenant who floods gets what he gets in
    bursts."""
    return [[each | {"moments": result[each["name"]]["taken"]} for each in load] for load, result in zip(loads, results)]


def cpu_seconds_of(pid):
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(cluster, prefix):
    """Of all running processes whose names begin so."""
    return sum(cpu_seconds_of(cluster.pid(file.name)) for file in cluster.pids.iterdir()
               if file.name.startswith(prefix) and cluster.is_running(file.name))


class Watch:
    """The processor time that front ends, nodes and the other tenant's senders use meanwhile, in cores."""

    def __init__(self, cluster, senders):
        self.cluster, self.senders, self.began = cluster, [sender.process.pid for sender in senders], time.monotonic()
        self.before = self.used()

    def used(self):
        return [*(cpu_seconds(self.cluster, prefix) for prefix in ("frontend-", "node-")), sum(map(cpu_seconds_of, self.senders))]

    def cores(self):
        took = time.monotonic() - self.began
        return [(later - earlier) / took for earlier, later in zip(self.before, self.used())]


class Tenant(Sender):
    """The load of one tenant on all front ends, under way."""

    def __init__(self, cluster, credentials, mixes, seconds):
        priority = first_of_all() if credentials is GOOD else last_of_all()
        super().__init__([cluster.front_end_port(index) for index in range(FRONT_ENDS)], credentials, mixes, seconds, priority)


def percentile(latencies, share):
    latencies = sorted(latencies)
    return latencies[min(len(latencies) - 1, math.ceil(share * len(latencies)) - 1)]


def errors_of(result):
    """Share of what failed, of all; a record that PutRecords did not take is a failure."""
    answers = sum(count for each in result.values() for count in each["answers"].values())
    failed = sum(count for each in result.values() for code, count in each["answers"].items() if code)
    return (failed + sum(each["failed_records"] for each in result.values())) / answers


PUTS = ("PutRecord", "PutRecords")
OTHER_CALLS = ("GetRecords", "DescribeStreamSummary")


def together(one, two):
    return {name: {"answers": dict(Counter(one[name]["answers"]) + Counter(two[name]["answers"])),
                   "latencies": one[name]["latencies"] + two[name]["latencies"],
                   "failed_records": one[name]["failed_records"] + two[name]["failed_records"],
                   "taken": one[name]["taken"] + two[name]["taken"], "late": one[name]["late"] + two[name]["late"]} for name in one}


class Measured:
    """What the tenant who keeps to its limits sees, while the other sends `loads`, one from each of its senders."""

    def __init__(self, cluster, mine, what, seconds, loads=()):
        self.what, self.runs, self.seconds = what, 1, seconds + 4
        senders = [Tenant(cluster, POISON, load, self.seconds) for load in loads]
        Tenant(cluster, GOOD, normal_load(mine), 1).result()
        watch = Watch(cluster, senders)
        self.seen = Tenant(cluster, GOOD, normal_load(mine), seconds).result()
        self.cores = watch.cores()
        self.sent = [sender.result() for sender in senders]

    def and_again(self, other):
        """The two as one."""
        self.seen = together(self.seen, other.seen)
        self.sent = [together(one, two) for one, two in zip(self.sent, other.sent)]
        self.cores = [(one * self.runs + two) / (self.runs + 1) for one, two in zip(self.cores, other.cores)]
        self.runs += 1

    def p99_ms(self, operations):
        return percentile([latency for name in operations for latency in self.seen[name]["latencies"]], 0.99)

    def taken(self):
        """Records of the other tenant that were taken: all, and large ones."""
        of = {name: sum(records for result in self.sent if name in result for _, _, records in result[name]["taken"])
              for name in ("records", "bytes", "single records")}
        return sum(of.values()), of["bytes"]

    def share_sent(self):
        sent = sum(len(each["latencies"]) for result in self.sent for each in result.values())
        return sent / (sent + sum(each["late"] for result in self.sent for each in result.values()))


def add_figures(figures, runs):
    flood = runs[1]
    for name in flood.sent[0]:  # the first sender has every mix
        answers = {}
        of_name = [result[name] for result in flood.sent if name in result]
        for result in of_name:
            for code, count in result["answers"].items():
                answers[code or "answered"] = answers.get(code or "answered", 0) + count
        texts = [f"{count} {code}" for code, count in sorted(answers.items())]
        if refused := sum(result["failed_records"] for result in of_name):
            texts.append(f"{refused} of their records refused")
        late = sum(result["late"] for result in of_name)
        figures.add(f"the flood's {name}", ", ".join(texts), f"{late} not sent in time" if late else "")
    figures.add("the flood that was sent, of ten times the limits", f"{flood.share_sent():.0%}",
                f"at least {FLOOD_SENT:.0%}, or it shows nothing")
    for run in runs:
        figures.add("below: what the tenant sees who keeps to its limits, while the other sends", run.what)
    for name in flood.seen:
        figures.add(f"{name}, p50 / p99", ", ".join(
            f"{percentile(run.seen[name]['latencies'], 0.5):.1f} / {percentile(run.seen[name]['latencies'], 0.99):.1f} ms"
            for run in runs))
    figures.add("records taken of the other, and large ones of them", ", ".join(
        "{} and {}".format(*run.taken()) for run in runs if run.sent))
    figures.add("cores of front ends, nodes, the other's senders", ", ".join(
        " ".join(f"{cores:.2f}" for cores in run.cores) for run in runs))
    figures.add("errors", ", ".join(f"{errors_of(run.seen):.4%}" for run in runs), f"{OTHERS_ERRORS:.1%}")
    figures.add("  of which", {code: count for each in flood.seen.values() for code, count in each["answers"].items() if code})


def add_and_check_p99(figures, runs, operations, what, full_length):
    alone, flood, admitted = (run.p99_ms(operations) for run in runs)
    bound = admitted * OTHERS_P99
    figures.add(f"p99 of all {what}", f"{alone:.1f}, {flood:.1f}, {admitted:.1f} ms; the second is "
                f"{flood / admitted:.2f} of the third", f"the second, {bound:.1f} ms: {OTHERS_P99} of the third")
    if not full_length:  # a busy machine, and few samples
        bound = max(bound * PATIENCE, admitted + HICCUP_MS)
    return flood <= bound


@pytest.mark.drill("poison-tenant")
def test_a_poison_tenant_throttles_nobody_else(cluster, two_tenants, figures, full_length):
    # What is compared is run in turns, so that the hour counts for less; of all the worst hundredth is a hundred other calls.
    seconds, rounds = (20, 12) if full_length else (8, 2)
    mine = Stream(cluster, GOOD, "keeps-to-its-limits", 8)
    others = [Stream(cluster, POISON, f"poison-{number}", 1) for number in range(2)]  # one in each cell
    try:
        Tenant(cluster, GOOD, normal_load(mine), 3).result()  # connections, caches, first segments
        alone = Measured(cluster, mine, "nothing", seconds)
        flood = Measured(cluster, mine, f"{TIMES} times its limits", seconds, flood_of_tenant(others))
        moments = flood.sent

        def part():
            return admitted_of(flood_of_tenant(others), moments)
        admitted = Measured(cluster, mine, "what was admitted of that", seconds, part())
        for number in range(1, rounds):
            again = [(flood, lambda: flood_of_tenant(others)), (admitted, part)]
            for run, load in again if number % 2 == 0 else reversed(again):
                run.and_again(Measured(cluster, mine, "the same", seconds, load()))
    finally:
        for stream in [mine, *others]:
            stream.close()
    runs = [alone, flood, admitted]
    add_figures(figures, runs)
    held = [add_and_check_p99(figures, runs, PUTS, "puts", full_length),
            add_and_check_p99(figures, runs, OTHER_CALLS, "other calls", full_length)]
    assert flood.share_sent() >= FLOOD_SENT
    assert errors_of(flood.seen) < OTHERS_ERRORS
    assert all(held)
