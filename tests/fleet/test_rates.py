"""Call rates hold for the whole fleet: front ends count together, and each by its share when there is no directory."""
import threading
import time

import pytest
from cluster import ADMIN_OFFSET, fetch, wait_for
from drill import FRONT_ENDS, settle
from harness.wire import ApiError, Wire

LIMIT = 20  # DescribeStreamSummary, per account and second
DEMAND = 10  # times the limit
WITHIN = 1.1
SHARE = LIMIT // FRONT_ENDS


class Caller(threading.Thread):
    """Calls DescribeStreamSummary through one front end, so many times a second."""

    def __init__(self, port, stream, per_second, until):
        super().__init__(daemon=True)
        self.wire = Wire(port)
        self.stream, self.per_second, self.until = stream, per_second, until
        self.admitted = []  # (asked, answered)
        self.refused = []
        self.broken = []

    def run(self):
        due = time.monotonic()
        while due < self.until:
            time.sleep(max(0.0, due - time.monotonic()))
            due += 1 / self.per_second
            asked = time.monotonic()
            try:
                self.wire.call("DescribeStreamSummary", StreamName=self.stream)
                self.admitted.append((asked, time.monotonic()))
            except ApiError as error:
                (self.refused if error.code == "LimitExceededException" else self.broken).append((asked, time.monotonic()))
                if error.code != "LimitExceededException":
                    self.last_error = str(error)
        self.wire.close()


def flood(cluster, stream, seconds, per_second=LIMIT * DEMAND):
    """Calls through every front end at once."""
    threads = 2 * FRONT_ENDS  # two for each, so that one slow answer does not hold the next call back
    callers = [Caller(cluster.front_end_port(index % FRONT_ENDS), stream, per_second / threads, time.monotonic() + seconds)
               for index in range(threads)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not any(caller.broken for caller in callers), [getattr(caller, "last_error", "") for caller in callers]
    return callers


def most_in_a_second(callers):
    """The most calls that were certainly admitted within one second: asked after its beginning, answered before its end."""
    calls = sorted(call for caller in callers for call in caller.admitted)
    most = 0
    for asked, _ in calls:
        most = max(most, sum(1 for other, answered in calls if other >= asked and answered < asked + 1))
    return most


def per_second(callers, seconds):
    return sum(len(caller.admitted) for caller in callers) / seconds


def by_share(cluster, index):
    text = fetch(f"http://127.0.0.1:{cluster.front_end_port(index) + ADMIN_OFFSET}/metrics")[1].decode()
    value = {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line and line[0] != "#"}
    return value["weir_frontend_call_rates_by_share"] != 0, value["weir_frontend_call_rate_front_ends"]


def wait_counted_together(cluster):
    def together():
        return all(by_share(cluster, index) == (False, FRONT_ENDS) for index in range(FRONT_ENDS))
    wait_for("the directory to count calls for all front ends", together)


@pytest.mark.drill("fleet-rates")
def test_call_rates_hold_for_the_whole_fleet(cluster, load, figures):
    stream = next(iter(load.histories))
    wait_counted_together(cluster)
    time.sleep(1.2)

    callers = flood(cluster, stream, 10)
    together = most_in_a_second(callers)
    figures.add(f"most calls in any second, of {LIMIT * DEMAND} tried", together, f"{LIMIT * WITHIN:g}")
    figures.add("calls admitted a second, on average", f"{per_second(callers, 10):.1f}", f"at least {LIMIT * 0.8:g}")
    assert together <= LIMIT * WITHIN
    assert per_second(callers, 10) >= LIMIT * 0.8

    for index in range(2):
        cluster.kill(f"directory-{index}")
    time.sleep(2.5)
    callers = flood(cluster, stream, 5)
    alone = most_in_a_second(callers)
    longest = max(answered - asked for caller in callers for asked, answered in caller.admitted + caller.refused)
    figures.add("most calls in any second, without a directory", alone, f"{LIMIT * WITHIN:g}")
    figures.add("calls admitted a second, without a directory", f"{per_second(callers, 5):.1f}",
                f"at least {SHARE * FRONT_ENDS * 0.8:g}")
    figures.add("longest call without a directory", f"{longest * 1000:.0f} ms")
    assert alone <= LIMIT * WITHIN
    assert per_second(callers, 5) >= SHARE * FRONT_ENDS * 0.8

    for index in range(2):
        cluster.start_directory(index)
    back = time.monotonic()
    settle(cluster)
    wait_counted_together(cluster)
    figures.add("counted together again after", f"{time.monotonic() - back:.1f} s")
    callers = flood(cluster, stream, 5)
    together = most_in_a_second(callers)
    figures.add("most calls in any second, afterwards", together, f"{LIMIT * WITHIN:g}")
    assert together <= LIMIT * WITHIN
    assert per_second(callers, 5) >= LIMIT * 0.8
    assert not load.errors()
