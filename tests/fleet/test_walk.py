"""The walk of tests/conformance, step by step and unchanged, by every real client, against the front ends of the fleet."""
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from drill import FRONT_ENDS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))

import clients  # noqa: E402
import walk as steps  # noqa: E402

# Each client takes another front end, so that every one of them is walked.
CLIENTS = {
    "boto3": lambda plain, tls, certificate: clients.Boto3(plain),
    "aws-cli": lambda plain, tls, certificate: clients.AwsCli(plain),
    "javascript-h2c": lambda plain, tls, certificate: clients.JavaScript(plain, "default"),
    "javascript-h2-tls": lambda plain, tls, certificate: clients.JavaScript(tls, "default", certificate),
    "javascript-http1": lambda plain, tls, certificate: clients.JavaScript(plain, "http1"),
}


def walk_once(cluster, name, front_end):
    """Returns the seconds it took; raises naming the step that failed."""
    started = time.monotonic()
    client = CLIENTS[name](f"http://127.0.0.1:{cluster.front_end_port(front_end)}",
                           f"https://localhost:{cluster.tls_port(front_end)}", cluster.tls_certificate(front_end))
    walk = steps.Walk(client, f"walk-{name}-{front_end}-{os.getpid()}")
    for step in steps.STEPS:
        try:
            step(walk)
        except Exception as error:
            raise AssertionError(f"{name} against front end {front_end}, {step.__name__}: {error}") from error
    client.close()
    return time.monotonic() - started


@pytest.mark.drill("walk")
def test_every_client_walks_the_fleet_as_it_walks_one_process(cluster, figures, full_length):
    """All clients at once. At full length each of them walks every front end."""
    with ThreadPoolExecutor(len(CLIENTS)) as pool:
        walks = [(name, front_end, pool.submit(walk_once, cluster, name, front_end))
                 for turn, name in enumerate(CLIENTS)
                 for front_end in (range(FRONT_ENDS) if full_length else [turn % FRONT_ENDS])]
        for name, front_end, walk in walks:
            figures.add(f"{name} against front end {front_end}: {len(steps.STEPS)} steps", f"{walk.result():.1f} s")
