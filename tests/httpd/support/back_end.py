"""What stands behind httpd: a web server and a FastCGI application that answer a request with its own body and remember it."""

import socket
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    """One request as it arrived; `headers` are pairs in the order of the wire, for FastCGI its variables."""

    method: str
    path: str
    headers: list
    body: bytes

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        return ", ".join(self.all(name)) or None


class _Recorder:
    """The requests seen so far."""

    def __init__(self):
        self._seen = []
        self._lock = threading.Lock()

    def add(self, seen):
        with self._lock:
            self._seen.append(seen)

    def take(self):
        """The requests since the last call."""
        with self._lock:
            taken, self._seen = self._seen, []
        return taken


class BackEnd(_Recorder):
    """A web server for HTTP/1.1 in clear text."""

    def __init__(self):
        super().__init__()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self):
                body = self._body()
                recorder.add(Seen(self.command, self.path, self.headers.items(), body))
                self.send_response(200)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

            def _body(self):
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while True:
                    size = int(self.rfile.readline().split(b";")[0], 16)
                    body += self.rfile.read(size)
                    self.rfile.readline()
                    if not size:
                        return body

            def log_message(self, *_):
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class FastCgi(_Recorder):
    """A FastCGI responder, one request a connection."""

    BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6
    MOST = 65535  # bytes of a record

    def __init__(self):
        super().__init__()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rwb") as stream:
            streams, ended, number = {self.PARAMS: b"", self.STDIN: b""}, set(), 0
            while ended != set(streams):
                head = stream.read(8)
                if len(head) < 8:
                    return
                _, kind, number, size, padding = struct.unpack(">BBHHBx", head)
                content = stream.read(size + padding)[:size]
                if kind in streams:
                    streams[kind] += content
                    if not content:
                        ended.add(kind)
            body, variables = streams[self.STDIN], dict(self._pairs(streams[self.PARAMS]))
            self.add(Seen(variables.get("REQUEST_METHOD"), variables.get("REQUEST_URI"), list(variables.items()), body))
            said = b"Status: 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n" + body
            for start in range(0, len(said), self.MOST):
                self._record(stream, self.STDOUT, number, said[start:start + self.MOST])
            self._record(stream, self.STDOUT, number, b"")
            self._record(stream, self.END, number, bytes(8))

    @staticmethod
    def _record(stream, kind, number, content):
        stream.write(struct.pack(">BBHHBx", 1, kind, number, len(content), 0) + content)
        stream.flush()

    @staticmethod
    def _pairs(octets):
        at = 0

        def size():
            nonlocal at
            if octets[at] < 128:
                at += 1
                return octets[at - 1]
            at += 4
            return struct.unpack(">I", octets[at - 4:at])[0] & 0x7fffffff
        while at < len(octets):
            lengths = size(), size()
            name, value = octets[at:at + lengths[0]], octets[at + lengths[0]:at + sum(lengths)]
            at += sum(lengths)
            yield name.decode("latin-1"), value.decode("latin-1")
