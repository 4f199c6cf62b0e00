"""The kill test would notice: each promise, broken on purpose."""
import hashlib

import pytest

import history
from history import Found, History


@pytest.fixture
def past():
    """Three acknowledged records of two shards and one without an answer."""
    past = History()
    for number, shard in enumerate(["s0", "s0", "s1"], 1):
        past.attempt(f"w1-{number}", f"k{number}")
        past.acknowledge(1, f"w1-{number}", shard, 100 + number)
    past.attempt("w1-4", "k4")
    return past


def found(name, shard, number, key=None, data=None):
    return Found(shard, number, key or "k" + name[-1], history.payload(name) if data is None else data)


WHOLE = [found("w1-1", "s0", 101), found("w1-2", "s0", 102), found("w1-3", "s1", 103)]


def test_all_is_well_with_and_without_the_unanswered_record(past):
    assert history.violations(past, WHOLE) == []
    assert history.violations(past, WHOLE + [found("w1-4", "s1", 104)]) == []


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_lost_record_is_found(past, missing):
    problems = history.violations(past, WHOLE[:missing] + WHOLE[missing + 1:])
    assert len(problems) == 1 and problems[0].endswith("but is LOST")


def test_a_record_dropped_from_the_server_but_known_to_the_model_is_found(past):
    past.attempt("w2-1", "k1")
    past.acknowledge(2, "w2-1", "s1", 200)
    assert any("w2-1" in problem and "LOST" in problem for problem in history.violations(past, WHOLE))


def test_a_twin_is_found(past):
    assert any("twice" in problem for problem in history.violations(past, WHOLE + [found("w1-1", "s1", 105)]))


def test_a_twin_of_an_unanswered_record_is_found(past):
    twice = WHOLE + [found("w1-4", "s1", 104), found("w1-4", "s1", 105)]
    assert any("twice" in problem for problem in history.violations(past, twice))


def test_another_number_or_shard_is_found(past):
    assert history.violations(past, WHOLE[:2] + [found("w1-3", "s1", 104)])
    assert history.violations(past, WHOLE[:2] + [found("w1-3", "s2", 103)])


def test_a_changed_byte_or_key_is_found(past):
    data = bytearray(history.payload("w1-3"))
    data[-1] ^= 1
    assert history.violations(past, WHOLE[:2] + [found("w1-3", "s1", 103, data=bytes(data))])
    assert history.violations(past, WHOLE[:2] + [found("w1-3", "s1", 103, key="other")])


def test_wrong_order_is_found(past):
    assert any("comes after" in problem for problem in history.violations(past, [WHOLE[1], WHOLE[0], WHOLE[2]]))


def test_a_record_that_nobody_sent_is_found(past):
    assert any("never sent" in problem for problem in history.violations(past, WHOLE + [found("w9-9", "s1", 109)]))


def test_a_record_seen_before_it_was_durable_is_found(past):
    past.observe("w1-4", "s1", 104)
    assert history.violations(past, WHOLE)
    assert not history.violations(past, WHOLE + [found("w1-4", "s1", 104)])


def test_numbers_acknowledged_out_of_order_are_found(past):
    past.attempt("w1-5", "k5")
    past.acknowledge(1, "w1-5", "s0", 100)
    assert any("do not rise" in problem for problem in history.violations(past, [found("w1-5", "s0", 100)] + WHOLE))


def shard(name, start, end, ending=None):
    numbers = {"StartingSequenceNumber": "1", **({"EndingSequenceNumber": str(ending)} if ending else {})}
    return {"ShardId": name, "HashKeyRange": {"StartingHashKey": str(start), "EndingHashKey": str(end)},
            "SequenceNumberRange": numbers}


def test_a_gap_between_shards_and_a_misplaced_record_are_found():
    middle, end = 2**127, 2**128 - 1
    good = [shard("s0", 0, end, ending=500), shard("s1", 0, middle - 1), shard("s2", middle, end)]
    key = next(f"k{i}" for i in range(99) if hashlib.md5(f"k{i}".encode()).digest()[0] >= 128)
    assert history.lineage_violations(good, [Found("s2", 5, key, b"x "), Found("s0", 500, key, b"x ")]) == []
    assert history.lineage_violations(good[:2], [])
    assert history.lineage_violations(good[:2] + [shard("s2", middle + 1, end)], [])
    assert history.lineage_violations(good, [Found("s1", 5, key, b"x ")])
    assert history.lineage_violations(good, [Found("s0", 501, key, b"x ")])
