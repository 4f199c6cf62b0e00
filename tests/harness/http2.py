"""One HTTP/2 connection with prior knowledge, over the sans-I/O library h2."""
import json
import socket

import h2.config
import h2.connection
import h2.events

from . import sigv4
from .wire import JSON, TARGET, Response


class Http2:
    def __init__(self, port, timeout_s=20, window=None):
        self.authority = f"127.0.0.1:{port}"
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.state.initiate_connection()
        if window:
            self.state.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()
        self.open = {}  # stream id -> [status, headers, body]
        self.done = {}  # stream id -> Response, or the error code of a reset
        self.events = []
        self.closed = False

    def close(self):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.state.data_to_send())

    def headers(self, operation, body):
        signed = sigv4.sign("POST", "/", {"host": self.authority, "content-type": JSON, "x-amz-target": TARGET + operation}, body)
        pseudo = [(":method", "POST"), (":scheme", "http"), (":authority", self.authority), (":path", "/")]
        return pseudo + [(name.lower(), value) for name, value in signed.items() if name != "host"]

    def start(self, operation, parameters=None):
        """Sends a request whole, as flow control lets it; the stream's id."""
        body = json.dumps(parameters or {}).encode()
        stream = self.state.get_next_available_stream_id()
        self.state.send_headers(stream, self.headers(operation, body))
        self.open[stream] = [0, {}, b""]
        while body:
            room = min(self.state.local_flow_control_window(stream), self.state.max_outbound_frame_size)
            if room == 0:
                self.flush()
                self.receive()
                continue
            self.state.send_data(stream, body[:room])
            body = body[room:]
        self.state.end_stream(stream)
        self.flush()
        return stream

    def receive(self):
        """Takes in what comes next. Gives back window for what it reads."""
        data = self.socket.recv(65536)
        if not data:
            self.closed = True
            return
        for event in self.state.receive_data(data):
            self.events.append(event)
            if isinstance(event, h2.events.ResponseReceived):
                headers = dict(event.headers)
                self.open[event.stream_id][:2] = [int(headers[":status"]), headers]
            elif isinstance(event, h2.events.DataReceived):
                self.open[event.stream_id][2] += event.data
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.done[event.stream_id] = Response(*self.open.pop(event.stream_id))
            elif isinstance(event, h2.events.StreamReset):
                self.done[event.stream_id] = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.closed = True
        self.flush()

    def wait(self, stream):
        while stream not in self.done and not self.closed:
            self.receive()
        return self.done[stream]

    def call(self, operation, parameters=None):
        return self.wait(self.start(operation, parameters))
