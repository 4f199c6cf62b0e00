"""A TCP proxy before a directory that loses messages: it ends the connection that brings one, instead of passing it on."""
import collections
import random
import select
import socket
import threading
import time

# What a client sends within this of its last bytes belongs to the same message; a handshake is over by then.
MESSAGE_GAP_S = 0.2
HANDSHAKE_S = 0.4


class LossyProxy:
    def __init__(self, target_port, seed=1):
        self.target_port = target_port
        self.random = random.Random(seed)
        self.share_lost = 0.0
        self.lost = self.passed = 0
        self.sizes = collections.Counter()  # bytes of each message that came through whole
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.stopping = False
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.stopping = True
        self.listener.close()

    def is_lost(self):
        lost = self.random.random() < self.share_lost
        if lost:
            self.lost += 1
        else:
            self.passed += 1
        return lost

    def accept(self):
        while not self.stopping:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        """A connection is made for a message: it is lost with that one."""
        if self.share_lost and self.is_lost():
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            client.close()
            return
        try:
            self.carry(client, server)
        except OSError:
            pass
        finally:
            client.close()
            server.close()

    def carry(self, client, server):
        began = last = time.monotonic()
        size = 0
        while not self.stopping:
            ready, _, _ = select.select([client, server], [], [], 1.0)
            now = time.monotonic()
            if server in ready:
                data = server.recv(65536)
                if not data:
                    return
                client.sendall(data)
            if client not in ready:
                continue
            data = client.recv(65536)
            if not data:
                return
            if now - began > HANDSHAKE_S and now - last > MESSAGE_GAP_S:
                if size:
                    self.sizes[size] += 1
                size = 0
                if self.is_lost():
                    return
            if now - began > HANDSHAKE_S:
                size += len(data)
            last = now
            server.sendall(data)
