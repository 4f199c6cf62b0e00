"""Every real client takes the same walk."""
import os

import pytest

import clients
import walk as steps

CLIENTS = {
    "boto3": lambda server: clients.Boto3(server.endpoint),
    "aws-cli": lambda server: clients.AwsCli(server.endpoint),
    "javascript-h2c": lambda server: clients.JavaScript(server.endpoint, "default"),
    "javascript-h2-tls": lambda server: clients.JavaScript(server.tls_endpoint, "default", server.certificate),
    "javascript-http1": lambda server: clients.JavaScript(server.endpoint, "http1"),
}


@pytest.fixture(scope="module", params=list(CLIENTS))
def walk(request, server):
    client = CLIENTS[request.param](server)
    yield steps.Walk(client, f"walk-{request.param}-{os.getpid()}")
    client.close()


@pytest.mark.parametrize("step", steps.STEPS, ids=lambda step: step.__name__)
def test_walk(walk, step):
    step(walk)
