"""Threads that use the server until it dies: writers, a reader that follows the newest records, one that splits and merges."""
import base64
import http.client
import random
import threading

import history
from harness.wire import ApiError, Wire, blob

# What a request may end with when the server is killed under it.
DIED = (OSError, http.client.HTTPException, ValueError, EOFError)
OPEN_SHARDS_MAX = 12
PUT_RECORDS_MAX = 25


class Worker(threading.Thread):
    """Runs step() until the server dies or stop is set. What else goes wrong is kept in `problem`."""

    def __init__(self, port, stream, past, seed):
        super().__init__(daemon=True)
        self.wire = Wire(port, timeout_s=20)
        self.stream = stream
        self.past = past
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.problem = None

    def run(self):
        try:
            while not self.stop.is_set():
                self.step()
        except DIED:
            pass
        except ApiError as error:
            self.problem = f"{type(self).__name__}: {error}"
        finally:
            self.wire.close()

    def step(self):
        raise NotImplementedError


class Writer(Worker):
    def __init__(self, port, stream, past, seed, name):
        super().__init__(port, stream, past, seed)
        self.writer = name
        self.count = 0
        self.requests = 0

    def next_attempt(self):
        self.count += 1
        name = f"w{self.writer}-{self.count}"
        key = f"key-{self.random.randrange(1000)}"
        self.past.attempt(name, key)
        return name, key

    def step(self):
        self.requests += 1
        if self.random.random() < 0.6:
            name, key = self.next_attempt()
            answer = self.wire.call("PutRecord", StreamName=self.stream, PartitionKey=key, Data=blob(history.payload(name)))
            self.past.acknowledge(self.writer, name, answer["ShardId"], int(answer["SequenceNumber"]))
            return
        attempts = [self.next_attempt() for _ in range(self.random.randint(2, PUT_RECORDS_MAX))]
        answer = self.wire.call("PutRecords", StreamName=self.stream, Records=[
            {"PartitionKey": key, "Data": blob(history.payload(name))} for name, key in attempts])
        for (name, _), entry in zip(attempts, answer["Records"]):
            if "SequenceNumber" in entry:
                self.past.acknowledge(self.writer, name, entry["ShardId"], int(entry["SequenceNumber"]))


class Reader(Worker):
    """Follows shards from their newest record and notes what it sees: that must still be there after the crash."""

    def __init__(self, port, stream, past, seed):
        super().__init__(port, stream, past, seed)
        self.iterators = {}

    def step(self):
        if not self.iterators:
            for shard in self.wire.call("ListShards", StreamName=self.stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]:
                name = shard["ShardId"]
                self.iterators[name] = self.wire.call("GetShardIterator", StreamName=self.stream, ShardId=name,
                                                      ShardIteratorType="LATEST")["ShardIterator"]
        for shard, iterator in list(self.iterators.items()):
            answer = self.wire.call("GetRecords", ShardIterator=iterator, Limit=1000)
            for record in read_records(shard, answer):
                self.past.observe(history.attempt_of(record.data), shard, record.number)
            if "NextShardIterator" in answer:
                self.iterators[shard] = answer["NextShardIterator"]
            else:
                del self.iterators[shard]
        self.stop.wait(0.02)


class Resharder(Worker):
    """Splits and merges at random; a stream in another state than ACTIVE says so and is tried again."""
    REFUSALS = ("ResourceInUseException", "InvalidArgumentException", "LimitExceededException")

    def __init__(self, port, stream, past, seed):
        super().__init__(port, stream, past, seed)
        self.changes = 0

    def step(self):
        self.stop.wait(self.random.uniform(0.02, 0.3))
        listed = self.wire.call("ListShards", StreamName=self.stream, ShardFilter={"Type": "AT_LATEST"})["Shards"]
        shards = sorted(listed, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        place = self.random.randrange(len(shards))
        try:
            if len(shards) >= OPEN_SHARDS_MAX or (place + 1 < len(shards) and self.random.random() < 0.45):
                place = min(place, len(shards) - 2)
                self.wire.call("MergeShards", StreamName=self.stream, ShardToMerge=shards[place]["ShardId"],
                               AdjacentShardToMerge=shards[place + 1]["ShardId"])
            else:
                keys = shards[place]["HashKeyRange"]
                middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
                self.wire.call("SplitShard", StreamName=self.stream, ShardToSplit=shards[place]["ShardId"],
                               NewStartingHashKey=str(middle))
            self.changes += 1
        except ApiError as error:
            if error.code not in self.REFUSALS:
                raise


def read_records(shard, answer):
    return [history.Found(shard, int(record["SequenceNumber"]), record["PartitionKey"], base64.b64decode(record["Data"]))
            for record in answer["Records"]]


def list_shards(wire, stream):
    answer = wire.call("ListShards", StreamName=stream)
    shards = answer["Shards"]
    while "NextToken" in answer:
        answer = wire.call("ListShards", NextToken=answer["NextToken"])
        shards += answer["Shards"]
    return shards


def read_everything(wire, stream, shards):
    """All records of all shards, each shard from its oldest record to its tip."""
    found = []
    for shard in (entry["ShardId"] for entry in shards):
        iterator = wire.call("GetShardIterator", StreamName=stream, ShardId=shard,
                             ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while iterator:
            answer = wire.call("GetRecords", ShardIterator=iterator)
            found += read_records(shard, answer)
            iterator = answer.get("NextShardIterator")
            if not answer["Records"] and answer["MillisBehindLatest"] == 0:
                break
    return found
