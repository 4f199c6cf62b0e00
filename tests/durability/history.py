"""What writers sent, what was acknowledged, what a reader saw, and whether what is found after a crash agrees.

A record's data begins with an id that names the attempt, `w<writer>-<number>`; the rest follows from the id, so that any
changed byte shows. Each attempt is sent once and never again.
"""
import hashlib
from dataclasses import dataclass, field

SIZE_MAX = 3000


def payload(attempt):
    """The bytes of an attempt: its id, a blank, and a filler whose length and bytes follow from the id."""
    seed = hashlib.blake2b(attempt.encode(), digest_size=32).digest()
    length = int.from_bytes(seed[:2], "big") % SIZE_MAX
    return attempt.encode() + b" " + (seed * (length // 32 + 1))[:length]


def attempt_of(data):
    return data.split(b" ", 1)[0].decode(errors="replace")


@dataclass(frozen=True)
class Place:
    shard: str
    number: int


@dataclass
class History:
    """Filled by threads: each writer only adds entries of its own, so that a plain dict under the interpreter's lock will do."""
    attempted: dict = field(default_factory=dict)     # attempt -> partition key
    acknowledged: dict = field(default_factory=dict)  # attempt -> Place
    observed: dict = field(default_factory=dict)      # attempt -> Place, as a reader saw it while it was being written
    order: dict = field(default_factory=dict)         # (writer, shard) -> numbers in the order of acknowledgement

    def attempt(self, name, key):
        self.attempted[name] = key

    def acknowledge(self, writer, name, shard, number):
        self.acknowledged[name] = Place(shard, number)
        self.order.setdefault((writer, shard), []).append(number)

    def observe(self, name, shard, number):
        self.observed[name] = Place(shard, number)


@dataclass(frozen=True)
class Found:
    """A record as it was read back. Listed in the order of reading, shard by shard."""
    shard: str
    number: int
    key: str
    data: bytes


def violations(history, found):
    """Every promise that what was found breaks; empty when none."""
    places, problems, last = {}, [], {}
    for record in found:
        name = attempt_of(record.data)
        place = Place(record.shard, record.number)
        if record.number <= last.get(record.shard, -1):
            problems.append(f"{record.shard}: {record.number} ({name}) comes after {last[record.shard]}")
        last[record.shard] = record.number
        if name not in history.attempted:
            problems.append(f"{place}: {record.data[:40]!r} was never sent")
        elif record.data != payload(name) or record.key != history.attempted[name]:
            problems.append(f"{name} at {place} has other bytes than were sent")
        if name in places:
            problems.append(f"{name} is there twice: {places[name]} and {place}")
        places[name] = place
    for name, place in history.acknowledged.items():
        if places.get(name) != place:
            problems.append(f"{name} was acknowledged at {place}, " + (
                f"but is at {places[name]}" if name in places else "but is LOST"))
    for name, place in history.observed.items():
        if places.get(name) != place:
            problems.append(f"{name} was read at {place} before the crash, but now is at {places.get(name)}")
    for (writer, shard), numbers in history.order.items():
        if any(later <= earlier for earlier, later in zip(numbers, numbers[1:])):
            problems.append(f"writer {writer}, {shard}: acknowledged numbers do not rise")
    return problems


def lineage_violations(shards, found):
    """shards: as ListShards gives them. Open shards tile the hash keys; each record lies in its shard's ranges."""
    problems = []
    bounds = sorted((int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
                    for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"])
    edges = [-1] + [end for _, end in bounds]
    if [start for start, _ in bounds] != [edge + 1 for edge in edges[:-1]] or edges[-1] != 2**128 - 1:
        problems.append(f"the open shards do not tile the hash keys: {bounds}")
    by_id = {shard["ShardId"]: shard for shard in shards}
    for record in found:
        keys, numbers = by_id[record.shard]["HashKeyRange"], by_id[record.shard]["SequenceNumberRange"]
        hashed = int.from_bytes(hashlib.md5(record.key.encode()).digest(), "big")
        if not int(keys["StartingHashKey"]) <= hashed <= int(keys["EndingHashKey"]):
            problems.append(f"{attempt_of(record.data)} lies in {record.shard}, where its key does not belong")
        if record.number > int(numbers.get("EndingSequenceNumber", record.number)):
            problems.append(f"{attempt_of(record.data)} lies after the end of {record.shard}")
    return problems
