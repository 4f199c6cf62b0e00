"""One tenant's load at fixed rates, as a process of its own. The requests are signed beforehand and sent as they are, and
of an answer only what is needed is looked at: a sender that costs more than what it loads would be what is measured.

    flood.py PLAN.json > RESULT.json

The plan: {"seconds": 20, "ports": [...], "key": [id, secret], "mixes": [{"name": ..., "operation": ..., "bodies": [...],
"per_second": 100, "connections": 4}]}. Each request is due at a time of its own, whether the one before was answered or
not; its latency counts from then. Instead of a rate a mix may have "moments", a list of [seconds after the beginning,
which body, how many of its records]; of these, what is refused for a rate is sent again a little later, until it is taken.
The result: for each mix how many answers by error code ("" for success), the latencies in milliseconds, and the moments at
which requests were sent of which something was taken.
"""
import heapq
import itertools
import json
import re
import select
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import sigv4  # noqa: E402
from harness.wire import JSON, TARGET  # noqa: E402

GIVEN_UP_S = 20
AGAIN_S = 0.3
# Sent at a time: a process that yields to everybody yields only between two calls of the kernel.
PIECE_BYTES = 1 << 16
THROTTLED = ("ProvisionedThroughputExceededException", "LimitExceededException")
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ERROR_CODE = re.compile(rb'"__type" *: *"([^"]*)"')
FAILED_RECORDS = re.compile(rb'"FailedRecordCount" *: *(\d+)')


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

    def kinds(self):
        """What will be sent: which bodies, and how many of their records."""
        if self.planned is None:
            return {(body, self.records) for body in range(len(self.bodies))}
        return {(body, records) for _, body, records in self.planned}

    def signed(self, host, credentials, body, records):
        content = self.bodies[body]
        if records < self.records:
            content = content | {"Records": content["Records"][:records]}
        return signed(host, self.operation, json.dumps(content).encode(), credentials)

    def note(self, moment, sent_s, latency_s, code, answer):
        """Notes what came of it. Returns how many of the records are to be sent again."""
        _, which, records = moment
        self.errors[code] = self.errors.get(code, 0) + 1
        self.latencies.append(latency_s * 1000)
        if code:
            return records if self.planned is not None and code in THROTTLED else 0
        failed = int(FAILED_RECORDS.search(answer)[1]) if self.operation == "PutRecords" else 0
        self.failed_records += failed
        if failed < records:
            self.taken.append([sent_s, which, records - failed])
        return failed if self.planned is not None else 0

    def result(self):
        return {"answers": self.errors, "latencies": self.latencies, "failed_records": self.failed_records,
                "taken": sorted(self.taken), "late": self.late}


class Connection:
    """Its part of the mix's requests, one after the other."""

    def __init__(self, mix, port, number, credentials, begin, driver):
        self.mix, self.port, self.begin, self.driver = mix, port, begin, driver
        self.credentials = credentials
        self.requests = {}
        for kind in mix.kinds():
            self.request(*kind)
        self.moments = mix.moments(number, begin)
        self.socket = None
        self.plan(next(self.moments, None))

    def request(self, body, records):
        if (body, records) not in self.requests:
            self.requests[body, records] = self.mix.signed(f"127.0.0.1:{self.port}", self.credentials, body, records)
        return self.requests[body, records]

    def plan(self, moment):
        self.moment = moment
        if moment is not None:
            self.due = self.begin + self.moment[0]
            self.driver.plan(self)

    def connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.driver.register(self)

    def send(self):
        self.driver.waiting.add(self)
        self.answer = bytearray()
        self.answer_bytes = None  # known when its head is here
        self.unsent = memoryview(self.request(*self.moment[1:]))
        self.sent_s = time.monotonic() - self.begin
        try:
            if self.socket is None:
                self.connect()
            if not self.send_on():
                self.driver.poll.modify(self.socket, select.EPOLLIN | select.EPOLLOUT)
        except OSError as broken:
            self.failed(type(broken).__name__)

    def send_on(self):
        """Whether all is sent."""
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent[:PIECE_BYTES]):]
        except BlockingIOError:
            return False
        return True

    def ready(self, events):
        try:
            if events & select.EPOLLOUT and self.send_on():
                self.driver.poll.modify(self.socket, select.EPOLLIN)
            if events & ~select.EPOLLOUT:
                self.receive()
        except OSError as broken:
            self.failed(type(broken).__name__)

    def receive(self):
        some = self.socket.recv(1 << 20)
        if not some:
            self.failed("ConnectionEnded")
            return
        self.answer += some
        if self.answer_bytes is None:
            head_bytes = self.answer.find(b"\r\n\r\n") + 4
            if head_bytes < 4:
                return
            length = CONTENT_LENGTH.search(self.answer, 0, head_bytes)
            self.answer_bytes = head_bytes + (int(length[1]) if length else 0)
        if len(self.answer) >= self.answer_bytes:
            status = self.answer[9:12].decode()
            error = None if status == "200" else ERROR_CODE.search(self.answer)
            self.done("" if status == "200" else error[1].decode() if error else status)

    def done(self, code):
        now = time.monotonic()
        again = self.mix.note(self.moment, self.sent_s, now - self.due, code, self.answer)
        self.driver.waiting.remove(self)
        self.plan([now - self.begin + AGAIN_S, self.moment[1], again] if again else next(self.moments, None))

    def failed(self, code):
        """The connection has come to its end; that matters when something is under way."""
        if self.socket is not None:
            self.socket.close()  # leaves the poll, too
        self.socket = None
        if self in self.driver.waiting:
            self.done(code)


class Driver:
    """Every connection of the plan, from its beginning to its end."""

    def __init__(self, plan, mixes):
        credentials = sigv4.Credentials(*plan["key"])
        self.poll = select.epoll()
        self.by_descriptor, self.due, self.waiting = {}, [], set()
        begin = time.monotonic() + 0.2
        self.end = begin + plan["seconds"]
        ports = itertools.cycle(plan["ports"])
        for mix in mixes:
            for number in range(mix.connections):
                Connection(mix, next(ports), number, credentials, begin, self)

    def plan(self, connection):
        if connection.due < self.end:
            heapq.heappush(self.due, (connection.due, id(connection), connection))

    def register(self, connection):
        self.by_descriptor[connection.socket.fileno()] = connection
        self.poll.register(connection.socket, select.EPOLLIN)

    def run(self):
        look_at_patience = 0
        while self.due or self.waiting:
            now = time.monotonic()
            if now >= look_at_patience:
                look_at_patience = now + 1
                for connection in [each for each in self.waiting if each.due + GIVEN_UP_S < now]:
                    connection.failed("TimeoutError")
            if self.due and self.due[0][0] <= now:
                heapq.heappop(self.due)[2].send()
                continue
            # To wait with the poll itself is to wait for whole milliseconds.
            if select.select([self.poll], [], [], min(self.due[0][0] - now, 1) if self.due else 1)[0]:
                for descriptor, events in self.poll.poll(0):
                    self.by_descriptor[descriptor].ready(events)


def main(plan):
    mixes = {each["name"]: Mix(each) for each in plan["mixes"]}
    Driver(plan, mixes.values()).run()
    print(json.dumps({name: mix.result() for name, mix in mixes.items()}))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
