"""Runs of the load generator, and what is measured of a process from outside."""
import base64
import json
import random
import resource
import subprocess
import time
from contextlib import contextmanager

from contestants import ROOT, STREAM, Wire, cpu_seconds, memory_bytes

GENERATOR = ROOT / "build" / "bench" / "weir-bench"
RECORD_BYTES = 1024


def run_generator(*arguments):
    """The JSON that it prints. A bad answer ends the bench: a rate of errors is no rate. A slow rival may give none at all."""
    run = subprocess.run([str(word) for word in (GENERATOR, *arguments)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(f"weir-bench {' '.join(map(str, arguments))}: {run.stdout}{run.stderr}")
    return json.loads(run.stdout)


class Bodies:
    """Files of request bodies, made once. Records are text of 1 KiB that does not compress."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.random = random.Random(20131202)

    def write(self, name, lines):
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def data(self):
        return base64.b64encode(self.random.randbytes(RECORD_BYTES)).decode()

    def key(self):
        return f"key-{self.random.randrange(10**9)}"

    def put_record(self):
        return self.write("put-record", [json.dumps(
            {"StreamName": STREAM, "PartitionKey": self.key(), "Data": self.data()}) for _ in range(64)])

    def put_records(self, name="put-records", stream=STREAM, records=500, requests=16):
        return self.write(name, [json.dumps(
            {"StreamName": stream, "Records": [{"PartitionKey": self.key(), "Data": self.data()} for _ in range(records)]})
            for _ in range(requests)])

    def xadd(self):
        return self.write("xadd", [f"XADD {STREAM} * d {self.data()[:RECORD_BYTES]}" for _ in range(64)])

    def get_records(self, name, iterators, limit=1000):
        return self.write(name, [json.dumps({"ShardIterator": iterator, "Limit": limit}) for iterator in iterators])


def load(contestant, bodies, operation="PutRecord", connections=64, seconds=5.0, warm_up=1.0, rate=0.0, requests=0, threads=1):
    arguments = ["load", "--port", contestant.port, "--protocol", contestant.speaks, "--operation", operation, "--bodies", bodies,
                 "--connections", connections, "--seconds", seconds, "--warm-up", warm_up, "--rate", rate,
                 "--requests", requests, "--threads", threads]
    if operation == "PutRecords":
        arguments += ["--expect", '"FailedRecordCount":0']
    return run_generator(*arguments)


def disk(folder, seconds, size=RECORD_BYTES):
    return run_generator("disk", "--directory", folder, "--seconds", seconds, "--bytes", size)


def rados(fleet, lanes, size, seconds):
    return run_generator("rados", "--configuration", fleet.ceph_configuration, "--pool", "weir", "--lanes", lanes, "--bytes", size,
                         "--seconds", seconds)


def cores_used(pids, run):
    """What `run` returns, and how many cores each of the named groups of processes kept busy meanwhile, ours included."""
    before = {name: cpu_seconds(group) for name, group in pids.items()}
    children, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    result = run()
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = {name: (cpu_seconds(group) - before[name]) / seconds for name, group in pids.items()}
    generator = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return {**result, "cores": {"load generator": generator / seconds, **used}}


def start_to_first_answer(server):
    """Seconds from the start of the process to the first good answer to a signed DescribeStreamSummary."""
    started = time.monotonic()
    with open(server.log_path, "ab") as log:
        server.process = subprocess.Popen(server.command(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    while time.monotonic() - started < 60:
        wire = Wire(server.port, timeout_s=5)
        try:
            if wire.post("DescribeLimits").status == 200:
                return time.monotonic() - started
        except OSError:
            time.sleep(0.001)
        finally:
            wire.close()
    raise RuntimeError("no answer within 60 s")


@contextmanager
def idle_connections(port, count):
    process = subprocess.Popen([str(GENERATOR), "idle", "--port", str(port), "--connections", str(count)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if not process.stdout.readline():
        raise RuntimeError("the idle connections could not be opened")
    yield
    process.stdin.close()
    process.wait(60)


def settled_memory(pid, seconds=2.0):
    """Resident memory once it has been left alone for a moment."""
    time.sleep(seconds)
    return memory_bytes(pid)


def iterators(port, stream, moments):
    """An iterator of every shard at every moment (None: at its oldest record)."""
    wire = Wire(port)
    shards = [shard["ShardId"] for shard in wire.call("ListShards", StreamName=stream)["Shards"]]
    made = []
    for moment in moments:
        where = {"ShardIteratorType": "TRIM_HORIZON"} if moment is None else {
            "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": round(moment, 3)}
        made += [wire.call("GetShardIterator", StreamName=stream, ShardId=shard, **where)["ShardIterator"] for shard in shards]
    wire.close()
    return made
