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


def idle_priority(gives_way):
    return ["chrt", "--idle", "0"] if gives_way else []


class Sender:
    """Under way. The result: for each mix how many answers by error code ("" for success), the latencies in milliseconds, how
    many records of answered PutRecords failed, and of what was taken [second at which it was sent, which body, records]."""

    def __init__(self, ports, credentials, mixes, seconds, gives_way=False):
        self.plan = tempfile.NamedTemporaryFile("w", suffix=".json")
        json.dump({"seconds": seconds, "ports": ports, "key": [credentials.access_key_id, credentials.secret], "mixes": mixes},
                  self.plan)
        self.plan.flush()
        self.process = subprocess.Popen([*idle_priority(gives_way), PROGRAM, "tenant", self.plan.name], stdout=subprocess.PIPE, text=True)

    def result(self):
        out, _ = self.process.communicate(timeout=180)
        self.plan.close()
        assert self.process.returncode == 0
        return json.loads(out)
