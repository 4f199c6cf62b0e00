"""The systems that are measured side by side, each on loopback ports of its own and with its data in one folder."""
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "scripts" / "cluster"))

from cluster import ADMIN_OFFSET, Cluster, fetch  # noqa: E402
from harness.server import Server, free_port  # noqa: E402
from harness.wire import ApiError, Wire  # noqa: E402

RIVALS = ROOT / "build" / "clients" / "rivals" / "node_modules"
START_WITHIN_S = 60
STREAM = "bench"
SHARDS = 4


def memory_bytes(pid):
    """Resident memory of the process and of its children."""
    total = 0
    for process in [pid] + [int(child) for child in children_of(pid)]:
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_seconds(pids):
    """That the processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def children_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def wait_for_port(port, process, name):
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{name} does not listen on port {port}")


class Contestant:
    """A process on a port. `speaks` is what the load generator must speak to it."""
    speaks = "kinesis"
    name = ""

    def __init__(self, folder):
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.command()], cwd=self.working_directory(), stdout=log,
                                            stderr=subprocess.STDOUT, env={**os.environ, **self.environment()},
                                            start_new_session=True)  # see Bench.load_alone
        wait_for_port(self.port, self.process, self.name)
        self.prepare()

    def working_directory(self):
        return self.folder

    def prepare(self):
        pass

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def send_all(self, number):
        """A signal to the process and to its children."""
        for pid in [self.pid, *map(int, children_of(self.pid))]:
            os.kill(pid, number)


def create_stream(port, name=STREAM, shards=SHARDS):
    """Creates a stream on anything that speaks Kinesis and waits for it."""
    wire = Wire(port)
    wire.call("CreateStream", StreamName=name, ShardCount=shards)
    for _ in range(600):
        try:
            if wire.call("DescribeStreamSummary", StreamName=name)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                wire.close()
                return
        except ApiError as error:
            if error.status == 500 or error.code == "ResourceNotFoundException":
                raise
        time.sleep(0.1)
    raise RuntimeError(f"stream {name} does not become ACTIVE")


class Weir(Contestant):
    name = "weir"

    def __init__(self, folder, settings=None):
        super().__init__(folder)
        self.server = Server(self.folder / "data", {"limits.enforce_rates": "false", **(settings or {})})
        self.port = self.server.port

    def start(self):
        self.server.start()
        if STREAM not in Wire(self.port).call("ListStreams")["StreamNames"]:
            create_stream(self.port)

    def stop(self):
        self.server.stop()

    @property
    def pid(self):
        return self.server.process.pid


class Fleet:
    """A front end and a node, each a process with one core, with a directory and etcd beside them. On segment files or on RADOS."""
    speaks = "kinesis"
    base_port = 15500

    def __init__(self, folder, engine, lanes):
        self.name = f"fleet on {engine}"
        self.engine = engine
        self.lanes = lanes
        self.cluster = Cluster(Path(folder) / f"fleet-{engine}", self.base_port)
        self.port = self.cluster.front_end_port(0)

    def start(self):
        fleet = self.cluster
        fleet.folder.mkdir(parents=True, exist_ok=True)
        if self.engine == "rados":
            with open(fleet.folder / "ceph.log", "ab") as out:
                subprocess.run([ROOT / "scripts" / "cluster" / "ceph.sh", "start", fleet.folder / "ceph"], stdout=out, stderr=out,
                               env={**os.environ, "OSD_SIZE": str(4 << 30)}, check=True)
        fleet.start_etcd()
        (fleet.folder / "directory-0").mkdir(exist_ok=True)
        fleet.start_directory(0)
        fleet.define_cell(0, lanes=self.lanes)
        fleet.define_tenants()
        settings = {"limits.enforce_rates": False}
        fleet.start_node(0, 0, self.engine, settings)
        fleet.start_front_end(0, settings)
        fleet.wait_ready("node-0-0", fleet.node_port(0, 0))
        fleet.wait_ready("frontend-0", self.port)
        create_stream(self.port)

    def stop(self):
        self.cluster.down()

    @property
    def ceph_configuration(self):
        return self.cluster.folder / "ceph" / "ceph.conf"

    def committed(self):
        """Batches and their bytes, since the node's start."""
        totals = {"weir_journal_commits_total": 0.0, "weir_journal_committed_bytes_total": 0.0}
        for line in fetch(f"http://127.0.0.1:{self.cluster.node_port(0, 0) + ADMIN_OFFSET}/metrics")[1].decode().splitlines():
            name, _, value = line.partition(" ")
            if name.partition("{")[0] in totals:
                totals[name.partition("{")[0]] += float(value)
        return tuple(totals.values())

    def pids(self):
        """By what each process is."""
        found = {name: [self.cluster.pid(process)] for name, process in (("front end", "frontend-0"), ("node", "node-0-0"))}
        found["directory and etcd"] = [self.cluster.pid("directory-0"), self.cluster.pid("etcd")]
        if self.engine == "rados":
            found["Ceph"] = [int(path.read_text()) for path in (self.cluster.folder / "ceph").glob("**/*.pid")]
        return found


class Kinesalite(Contestant):
    """In memory: no path is given."""
    name = "kinesalite"

    def command(self):
        return ["node", RIVALS / "kinesalite" / "cli.js", "--port", self.port, "--createStreamMs", 50, "--shardLimit", 100]

    def prepare(self):
        create_stream(self.port)


class KinesisLocal(Contestant):
    """kinesis-mock, as npm ships it. In memory."""
    name = "kinesis-local"

    def command(self):
        return ["node", RIVALS / "kinesis-local" / "main.js"]

    def working_directory(self):
        return RIVALS / "kinesis-local"  # it reads its certificate from there

    def environment(self):
        return {"KINESIS_MOCK_PLAIN_PORT": str(self.port), "KINESIS_MOCK_TLS_PORT": str(free_port()), "LOG_LEVEL": "ERROR",
                "CREATE_STREAM_DURATION": "50ms", "SHARD_LIMIT": "100"}

    def prepare(self):
        create_stream(self.port)


class Redis(Contestant):
    """Every command on disk before its answer."""
    name = "redis"
    speaks = "redis"

    def command(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir", self.folder, "--appendonly", "yes",
                "--appendfsync", "always", "--save", "", "--auto-aof-rewrite-percentage", "0"]


class Nginx(Contestant):
    """Reads the same requests and answers a constant of the size of a PutRecord's answer."""
    name = "nginx"

    def command(self):
        answer = '{\\"SequenceNumber\\":\\"' + "4" * 56 + '\\",\\"ShardId\\":\\"shardId-000000000000\\"}'
        configuration = f"""
            daemon off; pid {self.folder}/pid; worker_processes auto; error_log {self.folder}/error;
            events {{ worker_connections 2048; }}
            http {{
              access_log off; keepalive_requests 1000000000; client_max_body_size 32m; client_body_buffer_size 64k;
              client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
              fastcgi_temp_path {self.folder}/fastcgi; uwsgi_temp_path {self.folder}/uwsgi; scgi_temp_path {self.folder}/scgi;
              server {{
                listen 127.0.0.1:{self.port}; default_type application/x-amz-json-1.1;
                location / {{ return 200 "{answer}"; }}
              }}
            }}"""
        (self.folder / "nginx.conf").write_text(configuration)
        return ["/usr/sbin/nginx", "-c", self.folder / "nginx.conf", "-e", self.folder / "error"]
