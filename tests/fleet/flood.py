"""One tenant's load at fixed rates, as a process of its own: the requests are signed beforehand and sent as they are, so
that the load costs little and does not give way to what it loads.

    flood.py PLAN.json > RESULT.json

The plan: {"seconds": 20, "ports": [...], "key": [id, secret], "mixes": [{"name": ..., "operation": ..., "bodies": [...],
"per_second": 100, "connections": 4}]}. Each request is due at a time of its own, whether the one before was answered or
not; its latency counts from then. Instead of a rate a mix may have "moments", a list of [seconds after the beginning,
which body, how many of its records]. The result: for each mix how many answers by error code ("" for success), the
latencies in milliseconds, and the moments of all requests of which something was taken.
"""
import asyncio
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import sigv4  # noqa: E402
from harness.wire import JSON, TARGET  # noqa: E402

GIVEN_UP_S = 20


def signed(host, operation, body, credentials):
    headers = {"Host": host, "Content-Type": JSON, "X-Amz-Target": TARGET + operation}
    headers = sigv4.sign("POST", "/", headers, body, credentials=credentials) | {"Content-Length": str(len(body))}
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    return head.encode() + body


class Mix:
    def __init__(self, plan):
        self.operation = plan["operation"]
        self.bodies = plan["bodies"]
        self.per_second, self.connections = plan["per_second"], plan["connections"]
        self.planned = plan.get("moments")
        self.records = len(plan["bodies"][0].get("Records", [None]))  # of each request
        self.errors = {}
        self.latencies = []
        self.taken = []
        self.failed_records = 0  # of PutRecords that were answered
        self.late = 0  # requests that were not sent because the connection was still waiting

    def moments(self, number, begin):
        """When the connection sends what."""
        if self.planned is not None:
            yield from self.planned[number::self.connections]
            return
        interval = self.connections / self.per_second
        offset = interval * number / self.connections
        turn = number
        while True:
            yield offset, turn % len(self.bodies), self.records
            turn += 1
            offset += interval
            while begin + offset + interval < time.monotonic():  # a rate is kept by sending less late, not by sending at once
                self.late += 1
                offset += interval

    def signed(self, host, credentials):
        """Every request that will be sent, by body and number of records."""
        kinds = {(body, records) for _, body, records in self.planned} if self.planned is not None else {
            (body, self.records) for body in range(len(self.bodies))}
        made = {}
        for body, records in kinds:
            content = self.bodies[body]
            if records < self.records:
                content = content | {"Records": content["Records"][:records]}
            made[body, records] = signed(host, self.operation, json.dumps(content).encode(), credentials)
        return made

    def note(self, moment, latency_s, status, body):
        code = "" if status == 200 else json.loads(body).get("__type", str(status)) if body else str(status)
        self.errors[code] = self.errors.get(code, 0) + 1
        self.latencies.append(latency_s * 1000)
        if status != 200:
            return
        offset, which, records = moment
        failed = json.loads(body)["FailedRecordCount"] if self.operation == "PutRecords" else 0
        self.failed_records += failed
        if failed < records:
            self.taken.append([offset, which, records - failed])

    def result(self):
        return {"answers": self.errors, "latencies": self.latencies, "failed_records": self.failed_records,
                "taken": sorted(self.taken), "late": self.late}


async def receive(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    return int(lines[0].split()[1]), await reader.readexactly(length) if length else b""


async def drive(mix, port, number, credentials, begin, end):
    """One connection: its part of the mix's requests, one after the other."""
    requests = mix.signed(f"127.0.0.1:{port}", credentials)
    reader = writer = None
    for moment in mix.moments(number, begin):
        offset, body, records = moment
        due = begin + offset
        if due >= end:
            break
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=64 * 1024 * 1024)
            writer.write(requests[body, records])
            status, answer = await asyncio.wait_for(receive(reader), GIVEN_UP_S)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as broken:
            status, answer = 0, json.dumps({"__type": type(broken).__name__}).encode()
            if writer is not None:
                writer.close()
            writer = None
        mix.note(moment, time.monotonic() - due, status, answer)
    if writer is not None:
        writer.close()


async def main(plan):
    credentials = sigv4.Credentials(*plan["key"])
    mixes = {each["name"]: Mix(each) for each in plan["mixes"]}
    begin = time.monotonic() + 0.2
    number = 0
    tasks = []
    for mix in mixes.values():
        for connection in range(mix.connections):
            port = plan["ports"][number % len(plan["ports"])]
            number += 1
            tasks.append(drive(mix, port, connection, credentials, begin, begin + plan["seconds"]))
    await asyncio.gather(*tasks)
    print(json.dumps({name: mix.result() for name, mix in mixes.items()}))


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
