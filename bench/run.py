#!/usr/bin/env python3
"""Measures Weir beside its rivals on this machine and writes docs/performance.md.

Runs are interleaved (one of each contestant, then again) and the median of the rounds counts. Everything is on loopback, bounded in time,
and gone afterwards.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import contestants
import measure
import report
from contestants import ROOT, STREAM, Wire, create_stream

RETAINED = "retained"
TAIL = "tail"
FREE_FACTOR = 1.6  # room on the disk, for each byte that is to be retained


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.bodies = measure.Bodies(folder / "bodies")
        self.results = {}
        self.weir = contestants.Weir(folder)

    def say(self, text):
        print(text, flush=True)

    def rounds(self, name, runs, count=None):
        """runs: label -> a function that measures once. Interleaves them; keeps the median run of each by its rate."""
        samples = {label: [] for label in runs}
        for _ in range(count or self.options.rounds):
            for label, run in runs.items():
                samples[label].append(run())
        for label, taken in samples.items():
            if label == "weir" and not all(sample["good"] for sample in taken):
                raise RuntimeError(f"{name}: Weir gave no answer in time")
            middle = sorted(taken, key=lambda sample: sample.get("per_second", sample["p50_us"]))[len(taken) // 2]
            self.results[f"{name}/{label}"] = {**middle, "all_per_second": [s.get("per_second") for s in taken]}
            rate = f"{middle['per_second']:,.0f}/s, " if "per_second" in middle else ""
            self.say(f"{name:22} {label:14} {rate}p50 {middle['p50_us']:.0f} us, p99 {middle['p99_us']:.0f} us")

    def load(self, contestant, bodies, **more):
        return lambda: measure.load(contestant, bodies, seconds=self.options.seconds, warm_up=self.options.warm_up, **more)

    def load_alone(self, contestant, everyone, bodies, **more):
        """While the others stand still: some have work left over from their own turn. Each has a session of its own; of a process
        group that its shell has left, the system ends all when one stands still."""
        run = self.load(contestant, bodies, **more)

        def alone():
            for other in everyone:
                other.send_all(signal.SIGCONT if other is contestant else signal.SIGSTOP)
            try:
                return run()
            finally:
                for other in everyone:
                    other.send_all(signal.SIGCONT)
        return alone

    def single_puts(self, rivals):
        put, xadd = self.bodies.put_record(), self.bodies.xadd()
        every = [self.weir, *rivals]
        self.rounds("PutRecord x64", {
            contestant.name: self.load_alone(contestant, every, xadd if contestant.speaks == "redis" else put)
            for contestant in every})
        self.rounds("PutRecord lone", {
            "weir": self.load_alone(self.weir, every, put, connections=1),
            "fdatasync": lambda: measure.disk(self.folder, min(3, self.options.seconds)),
            **{c.name: self.load_alone(c, every, xadd, connections=1) for c in rivals if c.speaks == "redis"}})

    def fleet_on_files(self):
        """The same load through a front end and a node, and through `weir serve`."""
        fleet = contestants.Fleet(self.folder, "files", self.options.fleet_lanes)
        put = self.bodies.put_record()
        try:
            fleet.start()
            self.rounds("PutRecord x64 fleet", {
                "weir": lambda: measure.cores_used({"weir serve": [self.weir.pid]}, self.load(self.weir, put)),
                "files": lambda: measure.cores_used(fleet.pids(), self.load(fleet, put))}, self.options.fleet_rounds)
            self.rounds("PutRecord lone fleet", {"files": self.load(fleet, put, connections=1)}, self.options.fleet_rounds)
        finally:
            fleet.stop()

    def fleet_on_rados(self):
        """Beside what the engine gives to as many lanes that write batches of the same size, and do nothing else."""
        lanes = self.options.fleet_lanes
        fleet = contestants.Fleet(self.folder, "rados", lanes)
        put = self.bodies.put_record()

        def measured(**more):
            batches, size = fleet.committed()
            result = measure.cores_used(fleet.pids(), self.load(fleet, put, **more))
            batches_now, size_now = fleet.committed()
            made = max(1, batches_now - batches)
            # The node counts the warm-up, too, which runs as fast as the rest.
            return {**result, "batch_bytes": round((size_now - size) / made), "lanes": lanes,
                    "batches_per_second": made / (result["seconds"] + self.options.warm_up)}

        def raw(name, lanes_at_once):
            def probe():
                result = measure.rados(fleet, lanes_at_once, sizes[name], self.options.seconds)
                return {**result, "batch_bytes": sizes[name], "lanes": lanes_at_once}
            return probe

        def with_size(name, **more):
            def run():
                result = measured(**more)
                sizes[name] = result["batch_bytes"]
                return result
            return run

        sizes = {}
        try:
            fleet.start()
            self.rounds("PutRecord lone RADOS", {"fleet": with_size("lone", connections=1), "raw": raw("lone", 1)},
                        self.options.fleet_rounds)
            self.rounds("PutRecord x64 RADOS", {"fleet": with_size("x64"), "raw": raw("x64", lanes)}, self.options.fleet_rounds)
        finally:
            fleet.stop()

    def open_loop(self):
        put = self.bodies.put_record()
        top = self.results["PutRecord x64/weir"]["per_second"]
        self.rounds("PutRecord open", {
            f"{percent} %": self.load(self.weir, put, rate=top * percent / 100, connections=256) for percent in (25, 50, 75)})

    def batched_puts(self, rivals):
        many, few = self.bodies.put_records(), self.bodies.put_records("put-records-few", requests=4)
        every = [contestant for contestant in [self.weir, *rivals] if contestant.speaks == "kinesis" and contestant.name != "nginx"]
        self.rounds("PutRecords x8", {
            contestant.name: self.load_alone(contestant, every, many if contestant is self.weir else few, operation="PutRecords",
                                             connections=8) for contestant in every})

    def reads_from_the_tail(self):
        create_stream(self.weir.port, TAIL)
        fill = self.bodies.put_records("fill-tail", TAIL, requests=16)
        measure.load(self.weir, fill, operation="PutRecords", connections=1, requests=16, warm_up=0)
        bodies = self.bodies.get_records("get-tail", measure.iterators(self.weir.port, TAIL, [None]))
        self.check_answers(bodies)
        self.rounds("GetRecords tail x8", {"weir": self.load(self.weir, bodies, operation="GetRecords", connections=8)})

    def check_answers(self, bodies):
        """Each body is answered with a thousand records of 1 KiB, so that requests per second are megabytes per second."""
        wire = Wire(self.weir.port)
        for line in bodies.read_text().splitlines()[:8]:
            records = len(wire.call("GetRecords", **json.loads(line))["Records"])
            if records < 900:
                raise RuntimeError(f"a read that should give 1,000 records gives {records}")
        wire.close()

    def fill(self):
        """Puts so many bytes; the moments between which that happened."""
        create_stream(self.weir.port, RETAINED)
        bodies = self.bodies.put_records("fill", RETAINED)
        wanted = int(self.options.retained_gb * 2**30) // (500 * measure.RECORD_BYTES)
        started = time.time()
        filled = measure.load(self.weir, bodies, operation="PutRecords", connections=8, requests=wanted, warm_up=0, seconds=3600)
        self.results["fill"] = {**filled, "bytes": filled["good"] * 500 * measure.RECORD_BYTES}
        self.say(f"{self.options.retained_gb} GiB retained in {filled['seconds']:.0f} s")
        return started, time.time()

    def reads_from_disk(self, started, ended):
        """Each place is read once, with the page cache dropped before where that is allowed."""
        records = self.results["fill"]["bytes"] // measure.RECORD_BYTES
        per_shard = int(min(records / contestants.SHARDS / 1300, 1000))
        step = (ended - started) * 0.9 / per_shard
        places = measure.iterators(self.weir.port, RETAINED, [started + step * index for index in range(per_shard)])
        bodies = self.bodies.get_records("get-disk", places)
        os.sync()
        cold = True
        try:
            Path("/proc/sys/vm/drop_caches").write_text("3\n")
        except OSError:
            cold = False
        result = measure.load(self.weir, bodies, operation="GetRecords", connections=8, requests=len(places), warm_up=0, seconds=60)
        self.results["GetRecords disk x8/weir"] = {**result, "cold": cold}
        self.say(f"GetRecords from disk {result['per_second']:,.0f}/s of about 1,000 records, {'cold' if cold else 'page cache'}")

    def memory_and_start(self):
        """Of a server of its own, first empty, then with the data retained, then with idle connections."""
        server = self.weir.server
        self.weir.stop()
        empty = contestants.Weir(self.folder / "empty")
        starts = []
        for _ in range(self.options.rounds):
            shutil.rmtree(empty.server.data_directory, ignore_errors=True)
            starts.append(measure.start_to_first_answer(empty.server))
            self.results["memory idle"] = measure.settled_memory(empty.pid)
            empty.stop()
        self.results["start empty"] = statistics.median(starts)
        starts = []
        for _ in range(self.options.rounds):
            starts.append(measure.start_to_first_answer(server))
            after_start = measure.settled_memory(server.process.pid)
            self.weir.stop()
        self.results["start retained"] = statistics.median(starts)
        self.results["memory retained"] = max(after_start, self.results["memory after fill"])
        empty.server.start()
        before = measure.settled_memory(empty.pid)
        with measure.idle_connections(empty.port, self.options.idle_connections):
            self.results["memory connections"] = measure.settled_memory(empty.pid)
        self.results["idle connections"] = self.options.idle_connections
        empty.stop()
        self.say(f"memory: idle {before / 1e6:.0f} MB, retained {self.results['memory retained'] / 1e6:.0f} MB, "
                 f"{self.options.idle_connections} connections {self.results['memory connections'] / 1e6:.0f} MB; start: empty "
                 f"{self.results['start empty']:.3f} s, retained {self.results['start retained']:.3f} s")

    def run(self):
        everyone = {rival.name: rival for rival in (contestants.Kinesalite, contestants.KinesisLocal, contestants.Redis,
                                                    contestants.Nginx)}
        rivals = [everyone[name](self.folder) for name in self.options.rivals]
        started = []
        try:
            for contestant in [self.weir, *rivals]:
                contestant.start()
                started.append(contestant)
            self.single_puts(rivals)
            self.batched_puts(rivals)
            for rival in rivals:
                rival.stop()
            if self.options.fleet:
                self.fleet_on_files()
                self.fleet_on_rados()
            self.open_loop()
            self.reads_from_the_tail()
            moments = self.fill()
            self.results["memory after fill"] = measure.settled_memory(self.weir.pid)
            self.reads_from_disk(*moments)
            self.memory_and_start()
        finally:
            for contestant in started:
                contestant.stop()
        return self.results


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs and half a gigabyte: a look, not a measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--warm-up", type=float, default=1)
    parser.add_argument("--retained-gb", type=float, default=10)
    parser.add_argument("--idle-connections", type=int, default=10_000)
    parser.add_argument("--rivals", nargs="*", default=["kinesalite", "kinesis-local", "redis", "nginx"])
    parser.add_argument("--fleet", action=argparse.BooleanOptionalAction, default=True, help="front end and node, on files and on RADOS")
    parser.add_argument("--fleet-rounds", type=int, default=3)
    parser.add_argument("--fleet-lanes", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the data lies while it runs; the disk under it is measured")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance.md")
    if "--quick" in sys.argv:
        parser.set_defaults(rounds=1, fleet_rounds=1, seconds=2, warm_up=0.5, retained_gb=0.5)
    return parser.parse_args()


def main():
    options = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # what was started is stopped, as after Ctrl-C
    base = options.folder or ROOT / "build"
    base.mkdir(parents=True, exist_ok=True)
    free_gb = shutil.disk_usage(base).free / 2**30
    options.retained_gb = round(min(options.retained_gb, (free_gb - 5) / FREE_FACTOR), 1)
    commit = report.commit()  # of what was built; the tree may change while it is measured
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=base))
    try:
        results = Bench(options, folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    document = {"machine": report.machine(base), "commit": commit, "options": {
        name: str(value) for name, value in vars(options).items()}, "results": results}
    (ROOT / "build" / "bench-results.json").write_text(json.dumps(document, indent=1))
    text = report.markdown(document)
    print(text)
    if options.quick:
        print("A quick run: docs/performance.md stays as it is.")
    else:
        options.output.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
