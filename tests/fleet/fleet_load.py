"""Writers on a fleet that goes through bad days: each record is sent once; what was acknowledged is held against what is found."""
import http.client
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "durability"))

import history  # noqa: E402
from harness.sigv4 import Credentials  # noqa: E402
from harness.wire import ApiError, Wire, blob, wait_active  # noqa: E402
from load import list_shards, read_everything  # noqa: E402

BROKEN = (OSError, http.client.HTTPException, ValueError)


class PatientWire(Wire):
    """Waits when a rate is used up: of reads from a shard, or of control calls of the account."""

    def call(self, operation, **parameters):
        while True:
            try:
                return super().call(operation, **parameters)
            except ApiError as error:
                if error.code not in ("ProvisionedThroughputExceededException", "LimitExceededException"):
                    raise
                time.sleep(0.2)


class Writer(threading.Thread):
    """Puts one record after the other into one shard, through one front end, and notes how each went."""

    def __init__(self, load, number, port, stream, shard, hash_key):
        super().__init__(daemon=True)
        self.load, self.number, self.port = load, number, port
        self.stream, self.shard, self.hash_key = stream, shard, hash_key
        self.count = 0
        self.answers = []  # (when it was asked, when it was answered, None or the error)

    def run(self):
        wire = None
        while not self.load.stopping.is_set():
            self.count += 1
            name = f"w{self.number}-{self.count}"
            key = f"key-{self.count}"
            past = self.load.histories[self.stream]
            past.attempt(name, key)
            asked = time.monotonic()
            error = None
            try:
                wire = wire or Wire(self.port, timeout_s=20)
                answer = wire.call("PutRecord", StreamName=self.stream, PartitionKey=key, ExplicitHashKey=self.hash_key,
                                   Data=blob(history.payload(name)))
                past.acknowledge(self.number, name, answer["ShardId"], int(answer["SequenceNumber"]))
            except ApiError as refused:
                error = str(refused)
            except BROKEN as broken:
                error = repr(broken)
                if wire:
                    wire.close()
                wire = None
            self.answers.append((asked, time.monotonic(), error))
            if error:
                time.sleep(0.02)


class Reader(threading.Thread):
    """Follows one shard through one front end, as a consumer does: four GetRecords a second, of which none should fail."""

    def __init__(self, port, stream, shard):
        super().__init__(daemon=True)
        self.port, self.stream, self.shard = port, stream, shard
        self.stopping = threading.Event()
        self.errors, self.answers, self.records = [], 0, 0

    def run(self):
        wire = iterator = None
        while not self.stopping.wait(0.25):
            try:
                wire = wire or Wire(self.port, timeout_s=20)
                iterator = iterator or wire.call("GetShardIterator", StreamName=self.stream, ShardId=self.shard,
                                                 ShardIteratorType="LATEST")["ShardIterator"]
                answer = wire.call("GetRecords", ShardIterator=iterator)
                iterator = answer["NextShardIterator"]
                self.answers += 1
                self.records += len(answer["Records"])
            except ApiError as refused:
                if refused.code != "ProvisionedThroughputExceededException":
                    self.errors.append(str(refused))
            except BROKEN as broken:
                self.errors.append(repr(broken))
                wire = None

    def stop(self):
        self.stopping.set()
        self.join(30)


class Load:
    def __init__(self, ports):
        self.ports = ports
        self.histories = {}
        self.stopping = threading.Event()
        self.writers = []

    def create_stream(self, name, shards):
        wire = PatientWire(self.ports[0])
        wire.call("CreateStream", StreamName=name, ShardCount=shards)
        wait_active(wire, name)
        for port in self.ports[1:]:
            wait_known(port, name)
        self.histories[name] = history.History()
        wire.close()

    def delete_stream(self, name):
        wire = PatientWire(self.ports[0])
        wire.call("DeleteStream", StreamName=name)
        wire.close()

    def start(self, name):
        """One writer for each shard of the stream, each through a front end of its own."""
        wire = PatientWire(self.ports[0])
        for shard in list_shards(wire, name):
            number = len(self.writers)
            writer = Writer(self, number, self.ports[number % len(self.ports)], name, shard["ShardId"],
                            shard["HashKeyRange"]["StartingHashKey"])
            self.writers.append(writer)
            writer.start()
        wire.close()

    def stop(self):
        self.stopping.set()
        for writer in self.writers:
            writer.join(40)

    def of(self, stream):
        return [writer for writer in self.writers if writer.stream == stream]

    def errors(self, stream=None, since=0.0):
        return [error for writer in self.writers if stream in (None, writer.stream)
                for asked, _, error in writer.answers if error and asked >= since]

    def acknowledged(self, since=0.0):
        return sum(1 for writer in self.writers for asked, _, error in writer.answers if not error and asked >= since)

    def durations(self, stream, since, until=float("inf")):
        """Of the good answers of the stream's writers, in seconds."""
        return [answered - asked for writer in self.of(stream) for asked, answered, error in writer.answers
                if not error and since <= asked < until]

    def longest_gap(self, since):
        """The longest time that any shard went without an acknowledged write, from `since` on."""
        gaps = [0.0]
        for writer in self.writers:
            good = [since] + [answered for _, answered, error in writer.answers if not error and answered >= since]
            gaps += [later - earlier for earlier, later in zip(good, good[1:])]
            gaps.append(max(0.0, writer.answers[-1][1] - good[-1]) if writer.answers else 0.0)
        return max(gaps)

    def check(self):
        """Every acknowledged record is there, once, in order, with its bytes. Returns how many; raises on a broken promise."""
        count = 0
        for stream, past in self.histories.items():
            wire = PatientWire(self.ports[0], timeout_s=30)
            shards = list_shards(wire, stream)
            wire.close()
            with ThreadPoolExecutor(len(shards)) as pool:  # each shard has a read rate of its own
                found = sum(pool.map(lambda shard, of=stream: self.read_shard(of, shard), shards), [])
            problems = history.violations(past, found)
            assert not problems, "\n".join(problems[:20])
            count += len(past.acknowledged)
        return count

    def read_shard(self, stream, shard):
        wire = PatientWire(self.ports[int(shard["ShardId"][-6:]) % len(self.ports)], timeout_s=30)
        found = read_everything(wire, stream, [shard])
        wire.close()
        return found


def wait_known(port, stream, seconds=10, credentials=Credentials()):
    wire = PatientWire(port, credentials=credentials)
    until = time.monotonic() + seconds
    while True:
        try:
            wait_active(wire, stream, seconds)  # of this front end's own map
            wire.close()
            return
        except ApiError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
