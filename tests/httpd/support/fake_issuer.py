"""An issuer for faults only: answers each path as scripted, over TLS or in clear text, and counts what it was asked. And a CONNECT proxy."""

import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

CHUNK = 65536


@dataclass
class Answer:
    """What a path answers. `body` is sent as it is; a Content-Length is added unless `headers` say how long it is."""

    body: bytes = b""
    status: int = 200
    headers: tuple = (("Content-Type", "application/json"),)
    delay: float = 0         # seconds before the first byte
    drip: float = 0          # seconds between one byte of the body and the next
    stream: int = 0          # the body is that many spaces behind `body`, sent chunked
    cut: int = None          # the connection ends after that many bytes of the body
    hang: bool = False       # no answer until the issuer is told to go on
    raw: bytes = None        # these bytes instead of status line, headers and body


@dataclass
class Request:
    """One request as it came: when, over which connection, from which port, with which client certificate (DER)."""

    time: float
    method: str
    path: str
    headers: dict
    connection: int
    port: int
    certificate: bytes = field(repr=False, default=None)
    body: bytes = b""


def document(value, **settings):
    """An Answer with this JSON."""
    return Answer(json.dumps(value).encode(), **settings)


def key_set(*jwks, **settings):
    """An Answer with a JWK Set."""
    return document({"keys": list(jwks)}, **settings)


NOT_FOUND = Answer(b"{}", 404)
HANG = Answer(hang=True)


class _Listener:
    """Accepts on one loopback port, a thread a connection; may be stopped and started again on the same port."""

    def __init__(self, host):
        self._host = host
        self._socket = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128)
        self.port = self._socket.getsockname()[1]
        self._open = set()
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._listen()

    def stop(self):
        """Closes everything: from here on connections are refused."""
        if self._socket is None:
            return
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._accepting.join()
        self._socket = None
        self.disconnect()

    def start(self):
        """Accepts again, on the port it had."""
        if self._socket is None:
            self._socket = socket.create_server((self._host, self.port), backlog=128,
                                                family=socket.AF_INET6 if ":" in self._host else socket.AF_INET)
            self._listen()

    def disconnect(self):
        """Ends every open connection."""
        with self._lock:
            for one in self._open:
                try:
                    # of the TCP connection: an SSLSocket would forget that it is one
                    socket.socket.shutdown(one, socket.SHUT_RDWR)
                except OSError:
                    pass

    def _listen(self):
        self._accepting = threading.Thread(target=self._accept, args=(self._socket,), daemon=True)
        self._accepting.start()

    def _accept(self, listening):
        while True:
            try:
                accepted, peer = listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(accepted)
            threading.Thread(target=self._run, args=(accepted, peer[1]), daemon=True).start()

    def _run(self, accepted, port):
        self._of_thread.stream = accepted
        try:
            self.serve(accepted, port)
        except (OSError, ValueError):
            pass
        finally:
            self._replace(self._of_thread.stream, None)
            self._of_thread.stream.close()

    def _replace(self, before, after):
        """The connection of this thread is this socket now: TLS takes the place of the one below it."""
        with self._lock:
            self._open.discard(before)
            if after:
                self._open.add(after)
                self._of_thread.stream = after

    def serve(self, accepted, port):
        """One connection, until it ends."""
        raise NotImplementedError


class FakeIssuer(_Listener):
    """`certificate` None: clear text. `client_authority`: a PEM file; then only clients with a certificate of it are served."""

    def __init__(self, certificate=None, client_authority=None, host="127.0.0.1", name=None):
        self.requests = []
        self.connections = 0
        self._answers = {}
        self._client_authority = client_authority
        self._context = None
        self._going_on = threading.Event()
        self._going_on.set()
        self._ended = threading.Event()
        if certificate:
            self.use(certificate)
        super().__init__(host)
        name = name or ("localhost" if certificate else f"[{host}]" if ":" in host else host)
        self.url = f"{'https' if certificate else 'http'}://{name}:{self.port}"

    def use(self, certificate):
        """The certificate of handshakes from now on; open connections end."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.path, certificate.key_path)
        if self._client_authority:
            context.load_verify_locations(self._client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        first = self._context is None
        self._context = context
        if not first:
            self.disconnect()

    def answer(self, path, answer):
        """What `path` answers from now on: an Answer, or what makes one of a Request. A path that nobody spoke of is not found."""
        self._answers[path] = answer

    def hang(self):
        """Requests are read and not answered until go_on."""
        self._going_on.clear()

    def go_on(self):
        self._going_on.set()

    def close(self):
        """The end: threads that hang end too."""
        self._ended.set()
        self.go_on()
        self.stop()

    def asked(self, path=None):
        """The requests so far, for one path or all."""
        return [one for one in list(self.requests) if path is None or one.path == path]

    def count(self, path=None):
        return len(self.asked(path))

    def wait_for(self, path, count=1, seconds=10):
        """Until the path was asked for that often."""
        end = time.monotonic() + seconds
        while self.count(path) < count:
            assert time.monotonic() < end, f"{path} was asked for {self.count(path)} times in {seconds} s, not {count} times"
            time.sleep(0.01)

    def serve(self, accepted, port):
        accepted.settimeout(60)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = self._context.wrap_socket(accepted, server_side=True) if self._context else accepted
        self._replace(accepted, stream)
        self.connections += 1
        number, certificate = self.connections, stream.getpeercert(True) if self._client_authority else None
        unread = b""
        while True:
            head, unread = _read_head(stream, unread)
            if not head:
                break
            method, path, headers = _parse(head)
            body, unread = _read_body(stream, unread, int(headers.get("content-length", 0)))
            request = Request(time.monotonic(), method, path, headers, number, port, certificate, body)
            self.requests.append(request)
            answer = self._answers.get(path, NOT_FOUND)
            if not self._reply(stream, answer if isinstance(answer, Answer) else answer(request)):
                break

    def _reply(self, stream, answer):
        """Whether the connection may be used again."""
        self._ended.wait(answer.delay)
        self._going_on.wait()
        if answer.hang:
            self._ended.wait()
        if answer.raw is not None:
            stream.sendall(answer.raw)
            return False
        headers = list(answer.headers)
        if answer.stream:
            headers.append(("Transfer-Encoding", "chunked"))
        elif not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(answer.body))))
        head = f"HTTP/1.1 {answer.status} Status\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        stream.sendall(head.encode("latin-1"))
        if answer.stream:
            self._stream(stream, answer)
        elif answer.drip:
            for octet in answer.body:
                stream.sendall(bytes([octet]))
                if self._ended.wait(answer.drip):
                    return False
        else:
            stream.sendall(answer.body[:answer.cut])
        return answer.cut is None

    def _stream(self, stream, answer):
        def send(octets):
            stream.sendall(b"%x\r\n%s\r\n" % (len(octets), octets))
        if answer.body:
            send(answer.body)
        for _ in range(answer.stream // CHUNK):
            send(b" " * CHUNK)
        stream.sendall(b"0\r\n\r\n")


class ConnectProxy(_Listener):
    """Tunnels what CONNECT asks for to that port of loopback; `targets` are host:port as asked."""

    def __init__(self):
        self.targets = []
        super().__init__("127.0.0.1")
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, accepted, port):
        accepted.settimeout(60)
        head, _ = _read_head(accepted, b"")
        method, target, _ = _parse(head)
        self.targets.append(target if method == "CONNECT" else f"{method} {target}")
        if method != "CONNECT":
            accepted.sendall(b"HTTP/1.1 405 Status\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", int(target.rsplit(":", 1)[1]))) as behind:
            accepted.sendall(b"HTTP/1.1 200 Status\r\n\r\n")
            back = threading.Thread(target=_copy, args=(behind, accepted), daemon=True)
            back.start()
            _copy(accepted, behind)
            back.join()

    def close(self):
        self.stop()


def _copy(source, target):
    try:
        while octets := source.recv(CHUNK):
            target.sendall(octets)
    except OSError:
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _read_head(stream, unread):
    """(head of a request, what came behind it); an empty head at the end of the connection."""
    while b"\r\n\r\n" not in unread:
        octets = stream.recv(CHUNK)
        if not octets or len(unread) > CHUNK:
            return b"", b""
        unread += octets
    head, unread = unread.split(b"\r\n\r\n", 1)
    return head, unread


def _read_body(stream, unread, length):
    """(body of that many bytes, what came behind it)."""
    while len(unread) < length:
        octets = stream.recv(CHUNK)
        if not octets:
            raise ValueError("the connection ended within a body")
        unread += octets
    return unread[:length], unread[length:]


def _parse(head):
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    return method, path, {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
