"""What `make bench` measures of a fleet is started here, too: the bench itself runs when somebody asks for it."""
import sys
from pathlib import Path

from harness.wire import Wire, blob

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import contestants  # noqa: E402


def test_the_fleet_that_is_measured_comes_up(tmp_path):
    fleet = contestants.Fleet(tmp_path, "files", lanes=2)
    try:
        fleet.start()
        batches, stored_bytes = fleet.committed()
        answer = Wire(fleet.port).call("PutRecord", StreamName=contestants.STREAM, PartitionKey="k", Data=blob(b"x" * 1000))
        assert answer["ShardId"].startswith("shardId-")
        assert fleet.committed()[0] > batches and fleet.committed()[1] >= stored_bytes + 1000
        assert all(None not in group for group in fleet.pids().values())
    finally:
        fleet.stop()
