"""What `make cluster` and `make cluster-down` run, as somebody does who has just cloned the tree."""
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import Cluster
from drill import ROOT, need
from harness.wire import Wire, blob, wait_active

UP_S = 60.0
COMMAND = [sys.executable, ROOT / "scripts" / "cluster" / "cluster.py"]


def processes_of(folder):
    """Command lines of processes that name the folder or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((process / "cwd").resolve())
        except OSError:
            continue
        if str(folder) in command or place.startswith(str(folder)):
            found.append(f"{process.name}: {command[:150]}")
    return found


@pytest.mark.drill("newcomer")
def test_a_cluster_comes_up_serves_and_goes_without_a_trace(no_shared_cluster, figures, tmp_path):
    need("etcd", "ceph-osd", "ceph-mon")
    folder = tmp_path / "cluster"
    began = time.monotonic()
    up = subprocess.run([*COMMAND, "up", "--dir", folder], capture_output=True, text=True, check=False, timeout=200)
    try:
        took = time.monotonic() - began
        assert up.returncode == 0, up.stdout + up.stderr
        ports = [int(port) for port in re.findall(r"^front end .*http://127\.0\.0\.1:(\d+)", up.stdout, re.MULTILINE)]
        assert len(ports) >= 3, up.stdout
        wire = Wire(ports[0])
        wire.call("CreateStream", StreamName="first", ShardCount=4)
        wait_active(wire, "first")
        wire.call("PutRecord", StreamName="first", PartitionKey="k", Data=blob(b"hello"))
        wire.close()
        again = subprocess.run([*COMMAND, "up", "--dir", folder], capture_output=True, text=True, check=False)
        assert again.returncode != 0 and "cluster-down" in again.stderr
        status = Cluster(folder).status()
        assert [node["state"] for node in status["nodes"]] == ["alive"] * 4
        assert len(processes_of(folder)) >= 12
    finally:
        began = time.monotonic()
        down = subprocess.run([*COMMAND, "down", "--dir", folder], capture_output=True, text=True, check=False, timeout=100)
        down_took = time.monotonic() - began
    figures.add("front ends that it names", len(ports))
    figures.add("down in", f"{down_took:.1f} s")
    left = processes_of(folder)
    figures.add("processes and files that are left", f"{len(left)}, {sum(1 for _ in folder.rglob('*'))}", "0, 0")
    assert down.returncode == 0 and not left and not folder.exists(), (down.stderr, left)
    figures.time("up in", took, UP_S)
