#!/usr/bin/env python3
"""A whole fleet on this machine: etcd, Ceph, directories, cells, front ends, each a process of its own on loopback.

    cluster.py up [--dir build/cluster]      starts it and prints how to use it
    cluster.py down [--dir build/cluster]    ends every process and removes every file
    cluster.py admin ...                     runs `weir admin` against it
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WEIR = Path(os.environ.get("WEIR_BINARY", ROOT / "build" / "release" / "weir"))

# From a process's port to its admin port.
ADMIN_OFFSET = 200

# Of the account that has a fleet of its own.
DEDICATED_ACCOUNT = "111111111111"
DEDICATED_KEY = "AKIADEDICATED"
DEDICATED_SECRET = "dedicated-secret"


class Cluster:
    """What is running is known from the files under `folder` alone, so that another process can take over."""

    def __init__(self, folder, base_port=14500, settings=None):
        """`settings` go to every process, as {"directory.shards_max": 1000}."""
        self.folder = Path(folder).resolve()
        self.base_port = base_port
        self.settings = settings or {}
        self.certificates = self.folder / "certificates"
        self.pids = self.folder / "pids"

    # Ports: etcd +0, directories +10.., nodes +20.., front ends +60.., those of the dedicated fleet +90.., their TLS 100
    # above, admin ports 200 above.
    def directory_port(self, index):
        return self.base_port + 10 + index

    def node_port(self, cell, index):
        return self.base_port + 20 + cell * 8 + index

    def front_end_port(self, index):
        return self.base_port + 60 + index

    def dedicated_port(self, index):
        return self.base_port + 90 + index

    def tls_port(self, index):
        return self.front_end_port(index) + 100

    def tls_certificate(self, index):
        """The self-signed one, which clients of the TLS port have to trust."""
        return self.folder / f"frontend-{index}" / "tls-certificate.pem"

    @property
    def etcd_port(self):
        return self.base_port

    def directories(self):
        count = sum(path.is_dir() for path in self.folder.glob("directory-*"))
        return ",".join(f"127.0.0.1:{self.directory_port(index)}" for index in range(max(count, 1)))

    def spawn(self, name, command, log=None):
        self.pids.mkdir(parents=True, exist_ok=True)
        with open(self.folder / (log or f"{name}.log"), "ab") as out:
            process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                       process_group=0, cwd=self.folder)
        (self.pids / name).write_text(str(process.pid))
        return process

    def pid(self, name):
        try:
            return int((self.pids / name).read_text())
        except (OSError, ValueError):
            return None

    def is_running(self, name):
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return False
        return state != "Z"

    def send(self, name, number):
        pid = self.pid(name)
        if pid is not None and self.is_running(name):
            os.kill(pid, number)

    def wait_gone(self, name, seconds=15):
        until = time.monotonic() + seconds
        while self.is_running(name) and time.monotonic() < until:
            try:
                os.waitpid(self.pid(name), os.WNOHANG)
            except ChildProcessError:
                pass
            time.sleep(0.02)
        if not self.is_running(name):
            (self.pids / name).unlink(missing_ok=True)

    def stop(self, name):
        """In good order."""
        self.send(name, signal.SIGTERM)
        self.wait_gone(name)

    def kill(self, name):
        self.send(name, signal.SIGKILL)
        self.wait_gone(name)

    def kill_together(self, names):
        for name in names:
            self.send(name, signal.SIGKILL)
        for name in names:
            self.wait_gone(name)

    def certificate(self, name):
        """Makes the certificate of a process; its name says which role it has."""
        role = {"node": "cell", "directory": "directory", "operator": "operator"}.get(name.split("-")[0], "frontend")
        if not (self.certificates / "authority.pem").exists():
            self.certificates.mkdir(parents=True, exist_ok=True)
            subprocess.run([WEIR, "cert", "authority", "--out", self.certificates], check=True, stdout=subprocess.DEVNULL)
        if not (self.certificates / f"{name}.pem").exists():
            subprocess.run([WEIR, "cert", "issue", "--authority", self.certificates, "--out", self.certificates, "--name", name,
                            "--role", role,
                            "--address", "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)

    def weir(self, role, name, admin_port, settings):
        """Starts one process of the fleet; its settings lie in a file beside its data."""
        self.certificate(name)
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        everything = {"server.data_directory": str(home), "server.admin_port": admin_port, "server.cores": 1,
                      "fleet.process": name, "fleet.directories": self.directories(),
                      "fleet.certificate_file": str(self.certificates / f"{name}.pem"),
                      "fleet.key_file": str(self.certificates / f"{name}-key.pem"),
                      "fleet.authority_file": str(self.certificates / "authority.pem"),
                      "net.connections_max": 2000, **self.settings, **settings}
        tables = {}
        for key, value in everything.items():
            table, _, setting = key.partition(".")
            tables.setdefault(table, []).append(f"{setting} = {json.dumps(value)}")
        config = self.folder / f"{name}.toml"
        config.write_text("".join(f"[{table}]\n" + "\n".join(lines) + "\n\n" for table, lines in tables.items()))
        return self.spawn(name, [WEIR, role, "--config", config])

    def start_etcd(self):
        data = self.folder / "etcd"
        url = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{self.etcd_port + 1}"
        self.spawn("etcd", ["etcd", "--name", "m0", "--data-dir", data, "--listen-client-urls", url, "--advertise-client-urls",
                            url, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster",
                            f"m0={peer}", "--max-txn-ops", "1024", "--log-level", "warn"])
        wait_for("etcd", lambda: fetch(url + "/health")[0] == 200)

    def start_directory(self, index):
        self.weir("directory", f"directory-{index}", self.directory_port(index) + ADMIN_OFFSET,
                  {"fleet.port": self.directory_port(index), "fleet.etcd": f"127.0.0.1:{self.etcd_port}"})

    def start_node(self, cell, index, engine="rados", more=None):
        settings = {"fleet.port": self.node_port(cell, index), "fleet.cell": cell, "cell.engine": engine}
        if engine == "rados":
            settings |= {"rados.configuration_file": str(self.folder / "ceph" / "ceph.conf"), "rados.authenticates": False}
        self.weir("cell", f"node-{cell}-{index}", self.node_port(cell, index) + ADMIN_OFFSET, settings | (more or {}))

    @property
    def secrets_key(self):
        return self.certificates / "secrets-key"

    def start_front_end(self, index, more=None):
        self.weir("frontend", f"frontend-{index}", self.front_end_port(index) + ADMIN_OFFSET,
                  {"server.port": self.front_end_port(index), "server.tls_enabled": True,
                   "server.tls_port": self.tls_port(index), "fleet.secrets_key_file": str(self.secrets_key)} | (more or {}))

    def start_dedicated(self, index):
        self.weir("frontend", f"dedicated-{index}", self.dedicated_port(index) + ADMIN_OFFSET,
                  {"server.port": self.dedicated_port(index), "fleet.name": "dedicated",
                   "fleet.secrets_key_file": str(self.secrets_key)})

    def restart(self, name):
        """Starts a process of the fleet again, with the settings that it had, and waits until it is ready."""
        role = {"directory": "directory", "node": "cell", "frontend": "frontend", "dedicated": "frontend"}[name.split("-")[0]]
        config = self.folder / f"{name}.toml"
        self.spawn(name, [WEIR, role, "--config", config])
        admin_port = int(re.search(r"^admin_port = (\d+)$", config.read_text(), re.MULTILINE)[1])
        self.wait_ready(name, admin_port - ADMIN_OFFSET)

    def ready(self, port):
        return fetch(f"http://127.0.0.1:{port + ADMIN_OFFSET}/readyz")[0] == 200

    def wait_ready(self, name, port):
        """Raises with the end of its log when the process has ended, or is not ready in time."""
        def ready_or_gone():
            return self.ready(port) or not self.is_running(name)
        try:
            wait_for(name, ready_or_gone)
        except RuntimeError as late:
            raise RuntimeError(f"{late}: {self.last_words(name)}") from late
        if not self.ready(port):
            raise RuntimeError(f"{name} has ended: {self.last_words(name)}")

    def last_words(self, name, lines=3):
        try:
            return "\n".join((self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
        except OSError as unreadable:
            return str(unreadable)

    def admin(self, *words, secret=None):
        return self.ask_directories(self.directories(), *words, secret=secret)

    def admin_at(self, directory, *words):
        """Asks this directory alone."""
        return self.ask_directories(f"127.0.0.1:{self.directory_port(directory)}", *words)

    def ask_directories(self, directories, *words, secret=None):
        self.certificate("operator")
        return subprocess.run([WEIR, "admin", "--directories", directories, "--cert", self.certificates / "operator.pem",
                               "--key", self.certificates / "operator-key.pem", "--authority",
                               self.certificates / "authority.pem", *map(str, words)], capture_output=True, text=True, check=False,
                              input=secret)

    def status(self):
        """What `weir admin status` shows, as the leader knows it; empty while no directory answers."""
        try:
            return json.loads(self.admin("status", "--json").stdout)
        except ValueError:
            return {}

    def define_cell(self, cell, lanes=4, shards_max=20_000):
        def tried():
            return self.admin("define-cell", cell, "--name", f"cell-{cell}", "--lanes", lanes, "--shards-max",
                              shards_max).returncode == 0
        wait_for(f"cell {cell} to be defined", tried)

    def must_admin(self, *words, secret=None):
        run = self.admin(*words, secret=secret)
        if run.returncode != 0:
            raise RuntimeError(f"weir admin {words[0]}: {run.stderr.strip()}")

    def put_credential(self, access_key, account, secret):
        self.must_admin("put-credential", access_key, "--account", account, "--secrets-key", self.secrets_key, secret=secret)

    def define_tenants(self):
        """Two fleets: the default one, and one for a single account. Each has a credential."""
        subprocess.run([WEIR, "cert", "secrets-key", "--out", self.secrets_key], check=True, stdout=subprocess.DEVNULL)
        self.must_admin("put-fleet", "default", "--serves-all-others")
        self.must_admin("put-fleet", "dedicated", "--account", DEDICATED_ACCOUNT, "--overlap", 0)
        self.put_credential("test", "000000000000", "test")
        self.put_credential(DEDICATED_KEY, DEDICATED_ACCOUNT, DEDICATED_SECRET)

    def up(self, directories=2, cells=2, nodes=2, front_ends=3, engine="rados", shards_max=20_000, dedicated=0):
        self.folder.mkdir(parents=True, exist_ok=True)
        ceph = None
        if engine == "rados":
            with open(self.folder / "ceph.log", "ab") as out:
                ceph = subprocess.Popen([HERE / "ceph.sh", "start", self.folder / "ceph"], stdout=out, stderr=out,
                                        env={**os.environ, "OSD_SIZE": str(8 << 30)}, process_group=0)
        else:
            nodes = 1
        self.start_etcd()
        for index in range(directories):
            (self.folder / f"directory-{index}").mkdir(exist_ok=True)
        for index in range(directories):
            self.start_directory(index)
        for cell in range(cells):
            self.define_cell(cell, shards_max=shards_max)
        self.define_tenants()
        if ceph is not None and ceph.wait() != 0:
            raise RuntimeError(f"Ceph did not start, see {self.folder}/ceph.log")
        for cell in range(cells):
            for index in range(nodes):
                self.start_node(cell, index, engine)
        for index in range(front_ends):
            self.start_front_end(index)
        for index in range(dedicated):
            self.start_dedicated(index)
        for cell in range(cells):
            for index in range(nodes):
                self.wait_ready(f"node-{cell}-{index}", self.node_port(cell, index))
        for index in range(front_ends):
            self.wait_ready(f"frontend-{index}", self.front_end_port(index))
        for index in range(dedicated):
            self.wait_ready(f"dedicated-{index}", self.dedicated_port(index))

    def down(self):
        names = sorted(path.name for path in self.pids.glob("*")) if self.pids.exists() else []
        for name in names:
            if name != "etcd":
                self.send(name, signal.SIGCONT)
                self.send(name, signal.SIGTERM)
        for name in names:
            if name != "etcd":
                self.wait_gone(name)
        for name in names:
            if self.is_running(name):
                self.kill(name)
        if (self.folder / "ceph").exists():
            subprocess.run([HERE / "ceph.sh", "stop", self.folder / "ceph", "wipe"], check=False, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def wait_for(what, is_there, seconds=60):
    until = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} does not come up")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "down", "admin"])
    parser.add_argument("--dir", default=ROOT / "build" / "cluster")
    parser.add_argument("--engine", choices=["rados", "files"], default="rados")
    parser.add_argument("--front-ends", type=int, default=3)
    options, rest = parser.parse_known_args()
    cluster = Cluster(options.dir)
    if options.command == "down":
        cluster.down()
        return 0
    if options.command == "admin":
        run = cluster.admin(*rest)
        sys.stdout.write(run.stdout)
        sys.stderr.write(run.stderr)
        return run.returncode
    if cluster.pids.exists():
        print(f"a cluster is there already: {cluster.folder}; `make cluster-down` ends it", file=sys.stderr)
        return 1
    started = time.monotonic()
    try:
        cluster.up(engine=options.engine, front_ends=options.front_ends, dedicated=1)
    except RuntimeError as error:
        print(f"{error}; logs are in {cluster.folder}", file=sys.stderr)
        return 1
    print(f"up in {time.monotonic() - started:.1f} s; logs and data in {cluster.folder}")
    for index in range(options.front_ends):
        print(f"front end    http://127.0.0.1:{cluster.front_end_port(index)}  fleet default")
    print(f"front end    http://127.0.0.1:{cluster.dedicated_port(0)}  fleet dedicated")
    print(f"credentials  fleet default: test / test; fleet dedicated: {DEDICATED_KEY} / {DEDICATED_SECRET}; region us-east-1")
    print(f"try          aws --endpoint-url http://127.0.0.1:{cluster.front_end_port(0)} kinesis create-stream "
          "--stream-name first --shard-count 4")
    print(f"status       {HERE / 'cluster.py'} admin status")
    return 0


if __name__ == "__main__":
    sys.exit(main())
