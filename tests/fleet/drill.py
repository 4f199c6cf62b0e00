"""What drills have in common: a cluster that is there when one asks for it, and figures that are kept."""
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "cluster"))

from cluster import Cluster, wait_for  # noqa: E402

LOGS = ROOT / "build" / "test-logs" / "drills"
BASE_PORT = int(os.environ.get("WEIR_FLEET_PORT", "13500"))  # the first of 300
FRONT_ENDS = 3
CELLS = 2
NODES = 2
LANES = 4  # of each cell
# The machine may be busy: a time fails a drill only past so many times its bound.
PATIENCE = 3
# Of each process's warnings and errors, what is shown where a drill has failed on another machine.
WORDS_LINES_MAX = 8
WORDS_CHARACTERS_MAX = 300


class Keeper:
    """The one cluster of the whole run: made when a drill first asks, made anew after a drill has failed on it, and ended
    before a drill that brings a cluster of its own."""

    def __init__(self):
        self.cluster = None

    def get(self):
        if self.cluster is None:
            need("etcd", "ceph-osd", "ceph-mon")
            self.cluster = Cluster(tempfile.mkdtemp(prefix="weir-fleet-"), BASE_PORT)
            try:
                self.cluster.up(cells=CELLS, nodes=NODES, front_ends=FRONT_ENDS)
                settle(self.cluster)
            except BaseException:
                self.end()
                raise
        return self.cluster

    def end(self):
        cluster, self.cluster = self.cluster, None
        if cluster is not None:
            cluster.down()


def keep_logs(cluster, drill):
    """What the processes said, for whoever has to find out why a drill failed."""
    target = LOGS / f"{drill}-logs"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    words = []
    for log in sorted(cluster.folder.glob("*.log")):
        shutil.copy(log, target)
        grave = [line for line in log.read_text(errors="replace").splitlines() if " warn " in line or " error " in line]
        words += [f"{log.stem}: {line[:WORDS_CHARACTERS_MAX]}" for line in grave[-WORDS_LINES_MAX:]]
    (LOGS / f"{drill}.words").write_text("\n".join(words) + "\n")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def need(*programs):
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin") is None:
            pytest.skip(f"{program} is not installed")


def settle(cluster, cells=CELLS, nodes=NODES, lanes=LANES):
    """Every node is back, every lane has an owner, and none is about to move."""
    def whole():
        found = cluster.status().get("nodes", [])
        held = [len(node["holds"]) for node in found]
        return ([node["state"] for node in found] == ["alive"] * cells * nodes and sum(held) == cells * lanes and
                max(held) - min(held) <= 1 and all(node["holds"] == node["shall_hold"] for node in found))
    wait_for("all nodes to be back with their lanes", whole)


class Figures:
    """What a drill measured: printed as a table, and kept in build/test-logs/drills."""

    def __init__(self, drill):
        self.drill = drill
        self.rows = []

    def add(self, what, value, bound=""):
        self.rows.append((what, value, bound))

    def time(self, what, seconds, bound):
        """A time in seconds that shall stay within its bound, and fails past three times that."""
        self.add(what, f"{seconds:.2f} s", f"{bound:g} s")
        assert seconds <= bound * PATIENCE, f"{self.drill}: {what} took {seconds:.2f} s, bound {bound:g} s"

    def keep(self, passed):
        LOGS.mkdir(parents=True, exist_ok=True)
        if passed:
            (LOGS / f"{self.drill}.words").unlink(missing_ok=True)
        (LOGS / f"{self.drill}.json").write_text(json.dumps(
            {"drill": self.drill, "passed": passed, "figures": [list(map(str, row)) for row in self.rows]}, indent=1) + "\n")
        text = self.table(passed)
        (LOGS / f"{self.drill}.txt").write_text(text + "\n")
        print("\n" + text)

    def table(self, passed):
        rows = [tuple(map(str, row)) for row in self.rows]
        widths = [max([len(row[column]) for row in rows], default=0) for column in range(2)]
        lines = [f"drill {self.drill}: {'passed' if passed else 'FAILED'}"]
        for what, value, bound in rows:
            lines.append(f"  {what:<{widths[0]}}  {value:<{widths[1]}}" + (f"  (bound {bound})" if bound else ""))
        return "\n".join(line.rstrip() for line in lines)
