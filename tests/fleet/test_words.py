"""Bad days get good words: /readyz, `weir admin status` and one line of the log name the cause.

A small fleet on files, without Ceph: etcd, two directories, one node, one front end.
"""
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "cluster"))

from cluster import ADMIN_OFFSET, WEIR, Cluster, fetch, wait_for  # noqa: E402

BASE_PORT = 12500


@pytest.fixture(scope="module")
def fleet():
    if shutil.which("etcd") is None:
        pytest.skip("etcd is not installed")
    made = Cluster(tempfile.mkdtemp(prefix="weir-words-"), BASE_PORT)
    try:
        made.up(directories=2, cells=1, front_ends=1, engine="files")
        yield made
    finally:
        made.down()


def readyz(port):
    status, body = fetch(f"http://127.0.0.1:{port + ADMIN_OFFSET}/readyz")
    return status, body.decode()


def log_of(fleet, name):
    return (fleet.folder / f"{name}.log").read_text()


def wait_for_words(port, status, *words):
    def said():
        now, text = readyz(port)
        return now == status and all(word in text for word in words)
    try:
        wait_for("the words", said, seconds=30)
    except RuntimeError:
        raise AssertionError(f"{readyz(port)} is not {status} with {words}") from None


def test_all_well_is_one_word(fleet):
    for port in (fleet.front_end_port(0), fleet.node_port(0, 0), fleet.directory_port(0), fleet.directory_port(1)):
        wait_for_words(port, 200)
        assert readyz(port) == (200, "ready\n")


def test_a_front_end_without_a_directory_says_whom_it_asked_and_ends_when_told(fleet):
    nobody = "127.0.0.1:1"
    fleet.start_front_end(1, {"fleet.directories": nobody})
    wait_for_words(fleet.front_end_port(1), 503, "not ready: no shard map yet", nobody, "refused")
    wait_for("a line of the log", lambda: "no shard map yet" in log_of(fleet, "frontend-1"))
    assert nobody in log_of(fleet, "frontend-1")
    fleet.send("frontend-1", signal.SIGTERM)
    fleet.wait_gone("frontend-1", seconds=5)
    assert not fleet.is_running("frontend-1")
    assert "cannot start" not in log_of(fleet, "frontend-1")


def test_a_node_of_a_cell_that_is_not_defined_says_so(fleet):
    fleet.start_node(7, 0, engine="files")
    wait_for_words(fleet.node_port(7, 0), 503, "node-7-0 has no place in cell 7: no such cell")
    assert "no place in cell 7" in log_of(fleet, "node-7-0")
    fleet.kill("node-7-0")


def test_a_node_without_orders_goes_on_and_says_so(fleet):
    for index in range(2):
        fleet.send(f"directory-{index}", signal.SIGSTOP)
    try:
        wait_for_words(fleet.node_port(0, 0), 200, "ready: no order from the directory for", "goes on with its 4 lanes")
        wait_for("a line of the log", lambda: "cause=no_orders" in log_of(fleet, "node-0-0"))
    finally:
        for index in range(2):
            fleet.send(f"directory-{index}", signal.SIGCONT)
    wait_for_words(fleet.node_port(0, 0), 200, "ready\n")


def warnings(fleet):
    """Of the status, but for those of the node that an earlier test has ended: it is remembered for two minutes."""
    status = fleet.admin("status").stdout
    assert "leader " in status, status
    return [line for line in status.splitlines() if line.startswith("WARNING") and "node-7-0" not in line]


def test_status_names_a_silent_node_and_its_lanes_and_who_is_not_ready(fleet):
    wait_for("a status without warnings", lambda: not warnings(fleet))
    fleet.send("node-0-0", signal.SIGSTOP)
    try:
        wait_for("the warning", lambda: "WARNING  node node-0-0 of cell 0 is " in fleet.admin("status").stdout)
        wait_for("the warning of its lanes",
                 lambda: "WARNING  cell 0: no node that answers holds lane 0-3" in fleet.admin("status").stdout)
    finally:
        fleet.send("node-0-0", signal.SIGCONT)
    wait_for("its lanes", lambda: not warnings(fleet))


def test_status_shows_every_process_with_its_version_and_what_it_uses(fleet):
    def known():
        processes = {process["name"]: process for process in fleet.status().get("followers", [])}
        return {"frontend-0", "node-0-0", "directory-0", "directory-1"} <= set(processes) and all(
            process["version"] and process["protocol"] == 1 and process["resources"] for process in processes.values())
    wait_for("all processes", known)
    cell, = fleet.status()["cells"]
    assert cell["lanes"] == 4 and cell["lanes_without_owner"] == [] and cell["open_shards_max"] == 20_000


def test_a_lane_is_moved_and_a_node_forgotten_only_when_that_makes_sense(fleet):
    assert "there is no node nobody" in fleet.admin("move", 0, "nobody").stderr
    assert "there is no lane 9" in fleet.admin("move", 9, "node-0-0").stderr
    assert fleet.admin("move", 1, "node-0-0").returncode == 0
    refused = fleet.admin("forget", "node-0-0")
    assert refused.returncode == 1 and "holds lanes" in refused.stderr


def admin_as(fleet, name, *words):
    fleet.certificate(name)
    return subprocess.run([WEIR, "admin", "--directories", fleet.directories(), "--cert", fleet.certificates / f"{name}.pem",
                           "--key", fleet.certificates / f"{name}-key.pem", "--authority",
                           fleet.certificates / "authority.pem", *words], capture_output=True, text=True, check=False)


def test_only_an_operators_certificate_may_change_the_fleet(fleet):
    for name in ("frontend-0", "node-0-0", "directory-0"):
        refused = admin_as(fleet, name, "drain", "node-0-0")
        assert refused.returncode == 1
        assert f"the certificate of {name} is of a " in refused.stderr, refused.stderr
    logs = log_of(fleet, "directory-0") + log_of(fleet, "directory-1")
    assert '"a peer was turned away" peer=frontend-0 path=/weir/1/drain' in logs
    assert admin_as(fleet, "operator", "undrain", "node-0-0").returncode == 0


def test_certificates_are_renewed_without_a_restart(fleet):
    renewed = [name for name in ("frontend-0", "node-0-0", "directory-0", "directory-1")]
    for name in renewed:
        (fleet.certificates / f"{name}.pem").unlink()
        fleet.certificate(name)
    for name in renewed:
        wait_for(f"{name} to read its certificate", lambda n=name: "certificate files read again" in log_of(fleet, n))
    wait_for("the fleet as before", lambda: not warnings(fleet))
    (fleet.certificates / "frontend-0.pem").write_text("nonsense")
    wait_for("a line of the log", lambda: "the changed certificate files cannot be used" in log_of(fleet, "frontend-0"))
    assert readyz(fleet.front_end_port(0))[0] == 200
    (fleet.certificates / "frontend-0.pem").unlink()
    fleet.certificate("frontend-0")
    wait_for("the new certificate", lambda: log_of(fleet, "frontend-0").count("certificate files read again") >= 2)


def test_without_directories_a_front_end_says_how_old_its_map_is(fleet):
    for index in range(2):
        fleet.kill(f"directory-{index}")
    wait_for_words(fleet.front_end_port(0), 200, "ready: no directory gives a map; serves with shard map", "s old", "refused")
    wait_for("a line of the log", lambda: "cause=map_old" in log_of(fleet, "frontend-0"))
    for index in range(2):
        fleet.start_directory(index)
    wait_for_words(fleet.front_end_port(0), 200, "ready\n")


def test_without_etcd_directories_name_it_and_serve(fleet):
    fleet.kill("etcd")
    for index in range(2):
        wait_for_words(fleet.directory_port(index), 200, f"etcd at 127.0.0.1:{fleet.etcd_port} does not answer",
                       "serves shard map", "changes nothing")
        wait_for("a line of the log", lambda i=index: "cause=etcd" in log_of(fleet, f"directory-{i}"))
    fleet.start_etcd()
    for index in range(2):
        wait_for_words(fleet.directory_port(index), 200, "ready\n")
