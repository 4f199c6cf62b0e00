"""The cluster that drills share, writers on it, and their figures.

    pytest tests/fleet                    all of them, as short as continuous integration wants them
    pytest tests/fleet --drill NAME -s    one, as long as its promise says; `--drill list` names them
"""
import collections
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from drill import FRONT_ENDS, Figures, Keeper, keep_logs  # noqa: E402
from fleet_load import Load  # noqa: E402

_keeper = Keeper()


def pytest_addoption(parser):
    parser.addoption("--drill", help="run this drill alone, at its full length")


def pytest_configure(config):
    config.addinivalue_line("markers", "drill(name): a bad day of the fleet, which can be had by `make drill NAME=name`")
    config.addinivalue_line("markers", "writers_through(front_ends): the writers use only so many front ends")


def name_of(item):
    marker = item.get_closest_marker("drill")
    return marker.args[0] if marker else item.name.removeprefix("test_")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: "no_shared_cluster" in item.fixturenames)  # so that the shared one is made once
    wanted = config.getoption("--drill")
    if not wanted:
        return
    drills = sorted({name_of(item) for item in items if item.get_closest_marker("drill")})
    if wanted == "list" or wanted not in drills:
        pytest.exit("drills: " + " ".join(drills), returncode=0 if wanted == "list" else 2)
    items[:] = [item for item in items if name_of(item) == wanted]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed_somewhere = True


def pytest_unconfigure():
    _keeper.end()


@pytest.fixture
def full_length(request):
    """Whether the drill was asked for by name, and takes as long as its promise says."""
    return bool(request.config.getoption("--drill"))


@pytest.fixture
def figures(request):
    made = Figures(name_of(request.node))
    yield made
    made.keep(not getattr(request.node, "failed_somewhere", False))


@pytest.fixture
def no_shared_cluster():
    """For a drill with a cluster of its own: the machine is its alone."""
    _keeper.end()


@pytest.fixture
def cluster(request):
    """Ceph, etcd, 2 directories, 2 cells of 2 nodes, 3 front ends. A drill leaves all of them running."""
    made = _keeper.get()
    yield made
    if getattr(request.node, "failed_somewhere", False):
        keep_logs(made, name_of(request.node))
        _keeper.end()


@pytest.fixture
def load(cluster, request, figures):
    """Writers on two streams, which lie in two cells; what they wrote is checked at the end."""
    through = request.node.get_closest_marker("writers_through")
    made = Load([cluster.front_end_port(index) for index in range(through.kwargs["front_ends"] if through else FRONT_ENDS)])
    name = request.node.name.removeprefix("test_")[:60]
    for half in ("a", "b"):
        made.create_stream(f"{name}-{half}", 4)
    for half in ("a", "b"):
        made.start(f"{name}-{half}")
    time.sleep(1.0)
    yield made
    made.stop()
    try:
        figures.add("acknowledged records that are there, once, in order", made.check(), "all")
    except BaseException:
        request.node.failed_somewhere = True
        raise
    failed = made.errors()
    figures.add("attempts that failed", len(failed))
    for error, count in collections.Counter(failed).most_common(3):
        figures.add("  of which", count, error[:200])
    for stream in made.histories:
        made.delete_stream(stream)
