"""A client for httpd that sends exactly the bytes it is told to, over TLS with a certificate or in clear text."""

import http.client
import socket
import ssl

TLS_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Answer:
    """Status, headers and body; the X- headers show what the module told httpd about the request."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        return ", ".join(self.all(name)) or None

    @property
    def user(self):
        return self.header("X-User")

    @property
    def binding(self):
        return self.header("X-Binding")

    @property
    def refusal(self):
        return self.header("X-Refusal")

    @property
    def reported(self):
        return self.header("X-Reported")

    @property
    def challenge(self):
        return self.header("WWW-Authenticate")

    def __repr__(self):
        seen = {name: self.header(name) for name in ("X-Refusal", "X-User", "X-Binding", "X-Reported",
                                                     "WWW-Authenticate")}
        return f"<{self.status} {seen}>"


def tls_context(authority, certificate=None, version=None):
    """A context that trusts the test CA, shows `certificate` when asked and speaks one TLS version."""
    context = ssl.create_default_context(cafile=authority)
    if certificate:
        context.load_cert_chain(certificate.path, certificate.key_path)
    if version:
        context.minimum_version = context.maximum_version = TLS_VERSIONS[version]
    context.post_handshake_auth = True
    return context


class Connection:
    """One kept-alive connection; opened at first use and again when the server has closed it."""

    def __init__(self, port, host, context=None, session=None):
        self.port = port
        self.host = host
        self.context = context
        self.session = session
        self.opened = 0
        self._socket = None

    def request(self, path, token=None, method="GET", headers=(), body=b""):
        """`token` goes into an Authorization header; `headers` are pairs in the order of the wire."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body, method)

    def raw(self, octets, method="GET"):
        """Sends these bytes and reads one answer."""
        if self._socket is None:
            self._open()
        try:
            self._socket.sendall(octets)
            reply = http.client.HTTPResponse(self._socket, method=method)
            reply.begin()
            answer = Answer(reply.status, reply.getheaders(), reply.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if reply.will_close:
            self.close()
        return answer

    def open(self):
        """Connects before there is a request."""
        self._open()

    @property
    def tls(self):
        """The TLS socket, for its session and version."""
        return self._socket

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self._socket = plain
        if self.context:
            self._socket = self.context.wrap_socket(plain, server_hostname=self.host, session=self.session)
        self.opened += 1
