#!/usr/bin/env python3
"""kill -9 under load, again and again. After each: start again, read everything back, hold it against what was acknowledged.

Prints one line a cycle and, at the end, figures. Exit code 1 when any promise was broken.
"""
import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from xml.sax.saxutils import quoteattr

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import history  # noqa: E402
import load  # noqa: E402
from harness.server import Server  # noqa: E402
from harness.wire import ApiError, Wire, wait_active  # noqa: E402

STREAM = "kill-test"
SHARDS_AT_FIRST = 4
SETTINGS = {"limits.enforce_rates": "false", "directory.create_time": "20ms", "directory.update_time": "20ms"}
# Every other data directory has the smallest segments, so that kills meet segments as they end, begin and are trimmed.
SMALL_SEGMENTS = {"journal.first_segment_bytes": "64KiB", "journal.segment_bytes": "1MiB", "journal.trim_interval": "1s"}
# A data directory lives through at most this many crashes; then a new one begins, so that a check stays a matter of seconds.
CYCLES_PER_DIRECTORY = 40


class Campaign:
    """One data directory and what is known of it."""

    def __init__(self, folder, seed, settings):
        self.server = Server(folder, {**SETTINGS, **settings})
        self.past = history.History()
        self.random = random.Random(seed)
        self.writers_so_far = 0

    def begin(self):
        self.server.start()
        wire = Wire(self.server.port)
        wire.call("CreateStream", StreamName=STREAM, ShardCount=SHARDS_AT_FIRST)
        wait_active(wire, STREAM)
        wire.close()

    def cycle(self, writers, seconds):
        """Load, kill, restart, check; the figures of the cycle."""
        acknowledged = len(self.past.acknowledged)
        workers = [load.Writer(self.server.port, STREAM, self.past, self.random.random(), self.writers_so_far + index)
                   for index in range(writers)]
        self.writers_so_far += writers
        workers.append(load.Reader(self.server.port, STREAM, self.past, self.random.random()))
        workers.append(load.Resharder(self.server.port, STREAM, self.past, self.random.random()))
        for worker in workers:
            worker.start()
        time.sleep(self.random.uniform(*seconds))
        self.server.kill()
        for worker in workers:
            worker.stop.set()
        for worker in workers:
            worker.join(30)
        restart_s = self.server.start()
        problems = [worker.problem for worker in workers if worker.problem]
        problems += [f"{worker.name} hangs" for worker in workers if worker.is_alive()]
        try:
            found, more = self.check()
        except (ApiError, OSError, TimeoutError) as error:
            found, more = 0, [f"after the restart: {error}"]
        return {"acknowledged": len(self.past.acknowledged) - acknowledged, "found": found, "restart_s": restart_s,
                "changes": workers[-1].changes, "problems": problems + more}

    def check(self):
        wire = Wire(self.server.port, timeout_s=120)
        wait_active(wire, STREAM)
        shards = load.list_shards(wire, STREAM)
        found = load.read_everything(wire, STREAM, shards)
        wire.close()
        return len(found), history.violations(self.past, found) + history.lineage_violations(shards, found)


def write_junit(path, cycles):
    lines = ['<testsuite name="kill">']
    for number, figures in enumerate(cycles, 1):
        lines.append(f'<testcase classname="kill" name="cycle {number}">')
        if figures["problems"]:
            lines.append(f"<failure message={quoteattr(chr(10).join(figures['problems'][:20]))}/>")
        lines.append("</testcase>")
    path.write_text("\n".join(lines + ["</testsuite>\n"]))


def summary(cycles):
    restarts = sorted(figures["restart_s"] for figures in cycles)
    broken = sum(bool(figures["problems"]) for figures in cycles)
    return (f"{len(cycles)} kills, {sum(figures['acknowledged'] for figures in cycles)} records acknowledged, "
            f"{sum(figures['found'] for figures in cycles)} read back, {sum(figures['changes'] for figures in cycles)} splits "
            f"and merges, restart p50 {restarts[len(restarts) // 2] * 1000:.0f} ms, max {restarts[-1] * 1000:.0f} ms, "
            f"{broken} cycles with a broken promise")


def run(options):
    chosen = random.Random(options.seed)
    cycles, campaign, small = [], None, True
    per_directory = min(CYCLES_PER_DIRECTORY, max(1, options.cycles // 2))
    settings = dict(assignment.split("=", 1) for assignment in options.set)
    base = Path(tempfile.mkdtemp(prefix="weir-kill-"))
    for number in range(1, options.cycles + 1):
        if campaign is None:
            sizes = {**(SMALL_SEGMENTS if small else {}), "cell.lanes": "2"}
            campaign = Campaign(base / f"data-{number}", chosen.random(), {**sizes, **settings})
            campaign.begin()
            small = not small
        figures = campaign.cycle(options.writers, (options.least_s, options.most_s))
        cycles.append(figures)
        print(f"cycle {number}: {figures['acknowledged']} acknowledged, {figures['found']} found, "
              f"restart {figures['restart_s'] * 1000:.0f} ms, {len(figures['problems'])} problems", flush=True)
        for problem in figures["problems"][:20]:
            print(f"  {problem}", flush=True)
        if figures["problems"]:
            print(f"  the data directory is kept: {campaign.server.data_directory}", flush=True)
        if figures["problems"] or number % per_directory == 0 or number == options.cycles:
            campaign.server.stop()
            if not figures["problems"]:
                shutil.rmtree(campaign.server.data_directory)
            campaign = None
    if not any(figures["problems"] for figures in cycles):
        shutil.rmtree(base)
    return cycles


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--writers", type=int, default=6)
    parser.add_argument("--least-s", type=float, default=0.1, help="least time under load before a kill")
    parser.add_argument("--most-s", type=float, default=0.9, help="most time under load before a kill")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    parser.add_argument("--junit", type=Path)
    options = parser.parse_args()
    print(f"seed {options.seed} (times of kills still differ from run to run)", flush=True)
    cycles = run(options)
    if options.junit:
        write_junit(options.junit, cycles)
    print(summary(cycles))
    return 1 if any(figures["problems"] for figures in cycles) else 0


if __name__ == "__main__":
    sys.exit(main())
