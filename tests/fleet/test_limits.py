"""Processes under limits of the system that are too low for them: they refuse to start and name the limit; those that run go on.

RLIMIT_NPROC does not bind root. Where the drill runs as root, the processes under it are started as the user nobody, with
the limit set after the change of user and before the program; the limit counts all threads of that user on the machine.
"""
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from cluster import WEIR
from drill import FRONT_ENDS
from fleet_load import Wire
from measure import threads_and_descriptors

NOBODY = 65534
LIBRADOS_THREADS = 12
ROLES = {"frontend": "frontend-0", "directory": "directory-0", "cell": "node-0-0"}


def as_nobody():
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture
def home(cluster):
    """What a process of each role needs to start, in a folder that nobody may read and write."""
    folder = Path(tempfile.mkdtemp(prefix="weir-limits-"))
    shutil.copytree(cluster.certificates, folder / "certificates")
    for role, name in ROLES.items():
        text = (cluster.folder / f"{name}.toml").read_text().replace(str(cluster.folder), str(folder))
        (folder / f"{role}.toml").write_text(re.sub(r"\b(admin_port|tls_port|port) = \d+", r"\1 = 0", text))
    shutil.copy(WEIR, folder / "weir")
    for path in [folder, *folder.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def refused(home, role, limits):
    """What a process of the role says that is started under the limits, and how long it took to say so."""
    def set_limits():
        for which, value in limits.items():
            resource.setrlimit(which, (value, value))
    started = time.monotonic()
    run = subprocess.run([home / "weir", role, "--config", home / f"{role}.toml"], capture_output=True, text=True, timeout=20,
                         check=False, preexec_fn=set_limits, **as_nobody())
    assert run.returncode not in (0, -6, -11), f"{role} under {limits}: {run.returncode} {run.stderr}"
    return (run.stdout + run.stderr).strip(), time.monotonic() - started


@pytest.fixture
def others_of_the_user():
    """40 threads of the same user, so that a limit is reached by all of them together."""
    process = subprocess.Popen(["sh", "-c", "for i in $(seq 39); do sleep 600 & done; echo started; wait"], stdout=subprocess.PIPE,
                               start_new_session=True, **as_nobody())
    process.stdout.readline()
    yield 40
    os.killpg(process.pid, 9)
    process.wait()
    process.stdout.close()


@pytest.mark.drill("limits")
def test_a_process_under_low_limits_refuses_to_start_and_names_the_limit(cluster, load, figures, home, others_of_the_user):
    before = [threads_and_descriptors(cluster.pid(f"frontend-{index}")) for index in range(FRONT_ENDS)]
    for role in ROLES:
        for what, limits, named in [
                ("4 threads", {resource.RLIMIT_NPROC: 4}, "ulimit -u"),
                ("its user's threads nearly used up", {resource.RLIMIT_NPROC: others_of_the_user + 1}, "ulimit -u"),
                ("some threads left, too few", {resource.RLIMIT_NPROC: others_of_the_user + 5}, "ulimit -u"),
                ("256 open files", {resource.RLIMIT_NOFILE: 256}, "ulimit -Hn")]:
            said, seconds = refused(home, role, limits)
            assert named in said, f"{role} under {what} does not name the limit: {said}"
            figures.add(f"{role}, {what}: refuses", f"after {seconds:.2f} s, naming {named}")
    # Enough for the node itself, too few for the library of its engine.
    said, seconds = refused(home, "cell", {resource.RLIMIT_NPROC: others_of_the_user + 7 + LIBRADOS_THREADS // 2})
    assert "ulimit -u" in said, said
    figures.add("cell, too few threads for librados: refuses", f"after {seconds:.2f} s, naming ulimit -u")
    assert [threads_and_descriptors(cluster.pid(f"frontend-{index}")) for index in range(FRONT_ENDS)] == before
    assert not load.errors()


@pytest.mark.drill("limits-reached")
def test_a_front_end_that_has_reached_its_limit_of_descriptors_keeps_serving_who_is_connected(cluster, load, figures):
    pid, port = cluster.pid("frontend-0"), cluster.front_end_port(0)
    _, used = threads_and_descriptors(pid)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 4, hard))
    tried, answered = 12, 0
    wires = [Wire(port, timeout_s=0.5) for _ in range(tried)]
    try:
        for wire in wires:
            try:
                answered += wire.post("ListStreams").status in (200, 400)  # 400: too many of them in a second
            except OSError:
                pass
        reached = time.monotonic()
        time.sleep(2)
        assert load.acknowledged(since=reached) > 0
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        for wire in wires:
            wire.close()
    wire = Wire(port, timeout_s=5)
    assert wire.post("ListStreams").status in (200, 400)
    wire.close()
    figures.add("connections beyond the limit that were answered", f"{answered} of {tried}", "the few that fit")
    figures.add("errors of those that were connected before", len(load.errors()), "0")
    assert answered < tried
    assert not load.errors()
