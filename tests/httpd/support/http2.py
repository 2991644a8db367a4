"""HTTP/2 by the curl command, several requests as parallel streams of one connection; and by a small client of our own."""

import socket
import subprocess
from dataclasses import dataclass

from support.client import Answer


@dataclass
class Stream:
    """One request of a batch; a `body` makes it a POST, `sized` False leaves its length open (in a batch of one)."""

    path: str
    token: str = None
    headers: tuple = ()
    body: bytes = None
    sized: bool = True


def fetch(directory, authority, port, host, streams, certificate=None, tls="1.3"):
    """The answers in the order of `streams`, and how many connections curl opened for them."""
    words = ["curl", "--silent", "--show-error", "--no-progress-meter", "--parallel", "--parallel-max", "50"]
    for number, stream in enumerate(streams):
        words += ["--next"] if number else []
        words += ["--http2", f"--tlsv{tls}", "--tls-max", tls, "--cacert", authority, "--noproxy", "*",
                  "--resolve", f"{host}:{port}:127.0.0.1", "--max-time", "30",
                  "--output", f"{directory}/body.{number}", "--dump-header", f"{directory}/head.{number}",
                  "--write-out", "%{http_version} %{num_connects}\n"]
        if certificate:
            words += ["--cert", certificate.path, "--key", certificate.key_path]
        if stream.body is not None and stream.sized:
            with open(f"{directory}/form.{number}", "wb") as file:
                file.write(stream.body)
            words += ["--data-binary", f"@{directory}/form.{number}"]
        elif stream.body is not None:
            words += ["--request", "POST", "--upload-file", "-"]
        for name, value in (*stream.headers, *([("Authorization", f"Bearer {stream.token}")] if stream.token else [])):
            words += ["--header", f"{name}: {value}"]
        words.append(f"https://{host}:{port}{stream.path}")
    sent = next((stream.body for stream in streams if not stream.sized), b"")
    done = subprocess.run(words, input=sent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    told = [line.split() for line in done.stdout.decode().splitlines()]
    assert {version for version, _ in told} == {"2"}, done.stdout
    answers = [_answer(f"{directory}/head.{number}", f"{directory}/body.{number}") for number in range(len(streams))]
    return answers, sum(int(opened) for _, opened in told)


def _answer(head, body):
    with open(head, encoding="latin-1") as lines:
        status, *fields = lines.read().splitlines()
    headers = [tuple(field.split(": ", 1)) for field in fields if ": " in field]
    try:
        with open(body, "rb") as octets:
            content = octets.read()
    except FileNotFoundError:
        content = b""
    return Answer(int(status.split()[1]), headers, content)


class StreamRefused(OSError):
    """The server ends the connection and has not looked at this stream: it may be sent again (RFC 9113 section 6.8)."""


class Http2Connection:
    """One HTTP/2 connection that may resume a TLS session, which curl cannot be told to do. It sends one stream after the other and
    reads bodies alone: what a field section says would take HPACK to know. The context speaks HTTP/2 from then on. `going`: the server
    wants no further request on it."""

    def __init__(self, port, host, context, session=None):
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        context.set_alpn_protocols(["h2"])
        self.tls = context.wrap_socket(plain, server_hostname=host, session=session)
        assert self.tls.selected_alpn_protocol() == "h2", "the server speaks no HTTP/2"
        self._host = host
        self._stream = -1
        self.going = False
        self.tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS, 0, 0, b""))

    def request(self, path, token=None, method="GET", headers=(), body=b""):
        """The body of the answer."""
        self._stream += 2
        fields = [(":method", method), (":scheme", "https"), (":authority", self._host), (":path", path)]
        if token is not None:
            fields.append(("authorization", f"Bearer {token}"))
        section = b"".join(_literal(name.lower(), value) for name, value in (*fields, *headers))
        octets = _frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), self._stream, section)
        self.tls.sendall(octets + (_frame(DATA, END_STREAM, self._stream, body) if body else b""))
        return self._answer()

    def close(self):
        self.tls.close()

    def _answer(self):
        body = b""
        while True:
            length, kind, flags, stream = self._head()
            payload = self._read(length)
            assert kind != RST_STREAM, payload
            if kind == GOAWAY:
                self.going = True
                if int.from_bytes(payload[:4], "big") < self._stream:
                    raise StreamRefused("the server takes no more streams")
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.tls.sendall(_frame(kind, ACK, 0, payload if kind == PING else b""))
            if kind == DATA and stream == self._stream:
                body += payload
            if kind in (DATA, HEADERS) and stream == self._stream and flags & END_STREAM:
                return body

    def _head(self):
        octets = self._read(9)
        return int.from_bytes(octets[:3], "big"), octets[3], octets[4], int.from_bytes(octets[5:], "big") & 0x7fffffff

    def _read(self, size):
        octets = b""
        while len(octets) < size:
            more = self.tls.recv(size - len(octets))
            if not more:
                raise EOFError("the server ended the connection")
            octets += more
        return octets


# RFC 9113 section 6
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def _frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name, value):
    """A field that is not indexed, in plain octets: RFC 7541 section 6.2.2."""
    return b"\0" + _string(name.encode()) + _string(value.encode("latin-1"))


def _string(octets):
    """RFC 7541 sections 5.1 and 5.2."""
    if len(octets) < 127:
        return bytes([len(octets)]) + octets
    rest, size = len(octets) - 127, b"\x7f"
    while rest >= 128:
        size += bytes([rest % 128 + 128])
        rest //= 128
    return size + bytes([rest]) + octets
