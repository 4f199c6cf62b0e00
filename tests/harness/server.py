"""Starts, kills and stops the server under test."""
import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("WEIR_BINARY", ROOT / "build" / "release" / "weir"))
READY_WITHIN_S = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One `weir serve`. Keeps its ports over a restart. A context manager: started on entry, gone on exit."""

    def __init__(self, data_directory, settings=None, tls=False, arguments=()):
        self.data_directory = Path(data_directory)
        self.settings = dict(settings or {})
        self.arguments = list(arguments)
        self.port = free_port()
        self.admin_port = free_port()
        self.tls_port = free_port() if tls else None
        self.certificate = self.data_directory.parent / f"{self.data_directory.name}-cert.pem" if tls else None
        self.log_path = self.data_directory.parent / f"{self.data_directory.name}.log"
        self.process = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_endpoint(self):
        return f"https://localhost:{self.tls_port}"

    def command(self):
        command = [str(BINARY), "serve", "--data-dir", str(self.data_directory), "--port", str(self.port),
                   "--admin-port", str(self.admin_port)]
        if self.tls_port:
            key = self.certificate.with_suffix(".key")
            if not self.certificate.exists():
                subprocess.run([str(BINARY), "cert", "--cert", str(self.certificate), "--key", str(key)], check=True,
                               capture_output=True)
            command += ["--tls-port", str(self.tls_port), "--tls-cert", str(self.certificate), "--tls-key", str(key)]
        for name, value in self.settings.items():
            command += ["--set", f"{name}={value}"]
        return command + self.arguments

    def start(self):
        """Returns the seconds until the server said it was ready."""
        started = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        while time.monotonic() - started < READY_WITHIN_S:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
            if self.admin("/readyz")[0] == 200:
                return time.monotonic() - started
            time.sleep(0.005)
        raise RuntimeError(f"the server was not ready within {READY_WITHIN_S} s:\n{self.log_tail()}")

    def admin(self, path):
        """(status, body) of a GET on the admin port; status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def kill(self):
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, within_s=30):
        """SIGTERM; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def log_tail(self, lines=30):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
