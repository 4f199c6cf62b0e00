"""The load of a tenant, sent by a compiled program: what it costs is not to be what is measured."""
import json
import subprocess
import tempfile
from pathlib import Path

# Its tenant_plan.h says what it is given.
PROGRAM = Path(__file__).resolve().parents[2] / "build" / "bench" / "weir-bench"


def mix(operation, bodies, per_second, connections, name=None):
    return {"name": name or operation, "operation": operation, "bodies": bodies, "per_second": per_second,
            "connections": connections}


def first_of_all():
    """For who measures: a client on a machine of its own does not wait for a processor. Nothing where that is not allowed."""
    allowed = subprocess.run(["chrt", "--fifo", "1", "true"], stderr=subprocess.DEVNULL).returncode == 0
    return ["chrt", "--fifo", "1"] if allowed else []


def last_of_all():
    """For who only makes work. Linux shares processors out among sessions first, where it groups them by itself, so this is in
    the session of the cluster, as all of its processes are."""
    return ["chrt", "--idle", "0"]


class Sender:
    """Under way. The result: for each mix how many answers by error code ("" for success), the latencies in milliseconds, how
    many records of answered PutRecords failed, and of what was taken [second at which it was sent, which body, records].
    `priority`: the command that gives it to another."""

    def __init__(self, ports, credentials, mixes, seconds, priority=()):
        self.plan = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump({"seconds": seconds, "ports": ports, "key": [credentials.access_key_id, credentials.secret], "mixes": mixes},
                  self.plan)
        self.plan.flush()
        self.process = subprocess.Popen([*priority, PROGRAM, "tenant", self.plan.name], stdout=subprocess.PIPE, text=True)

    def result(self):
        out, _ = self.process.communicate(timeout=180)
        self.plan.close()
        assert self.process.returncode == 0
        return json.loads(out)
