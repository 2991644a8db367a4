"""A server in front of a back end, with an issuer on the network: what an attack must not reach is watched, and its untouched twin
shows that nothing else was wrong."""

import time

from support.back_end import BackEnd
from support.blocks import location
from support.client import Connection, tls_context
from support.expect import refused
from support.fake_issuer import FakeIssuer, key_set
from support.key_life import STEADY, children, eventually, outgoing, remote
from support.server import Host

ISSUER = "https://as.example.test"
KEYS = "/jwks"
PATH = "/api/x"

# no fetch is due while a test runs: whatever is asked for then was brought about by a token
LONG = "MTLSOAuthJWKSRefresh 1h\nMTLSOAuthJWKSCooldown 10min\n"


class Stand:
    """`text` is configuration of its virtual host beside the block and `/`, `lines` go into the block. The server has the keys
    already. `trap` is a listener that nobody has reason to speak to; tokens may bring its URL."""

    def __init__(self, launch, pki, jwks, *lines, text="", main="", cooldown=LONG, **settings):
        self.authority = pki.authority.path
        self._opened = {}
        self.back, self.issuer, self.trap = BackEnd(), FakeIssuer(pki.server), FakeIssuer()
        self.issuer.answer(KEYS, key_set(*jwks))
        block = remote(ISSUER, f'MTLSOAuthJWKSURI "{self.issuer.url}{KEYS}"', *lines)
        outside = outgoing(pki).replace("MTLSOAuthJWKSCooldown 1s\n", cooldown)
        self.server = launch(STEADY + outside + main, [Host(
            block + location("/") + f'ProxyPass "/" "http://127.0.0.1:{self.back.port}/"\n' + text)], **settings)
        self.children = children(self.server)

    def ready(self, token):
        """Until each process has the keys, as a token of theirs shows, and all is quiet."""
        def admits():
            for _ in range(8):
                connection = self._connection(None)
                answer = connection.request(PATH, token)
                connection.close()
                assert answer.status == 200, answer
        eventually(admits, 10)
        self.back.take()
        self.fetches = self.issuer.count()
        return self

    def close(self):
        """The end: what was asked for late counts as well."""
        time.sleep(0.3)
        asked = self.trap.connections, self.issuer.count() - self.fetches
        for connection in self._opened.values():
            connection.close()
        for one in (self.issuer, self.trap):
            one.close()
        self.back.stop()
        assert asked == (0, 0), f"outbound: {asked}"

    def ask(self, token=None, certificate=None, path=PATH, **request):
        """(answer, requests that reached the back end)."""
        label = certificate and certificate.label
        connection = self._opened.setdefault(label, self._connection(certificate))
        self.back.take()
        answer = connection.request(path, token, **request)
        if "close" in (answer.header("Connection") or "").lower():
            connection.close()
        return answer, self.back.take()

    def untouched(self, token=None, certificate=None, user="alice", binding="unbound", **request):
        """The twin: 200 for that user, and the back end was asked once."""
        answer, seen = self.ask(token, certificate, **request)
        assert (answer.status, answer.refusal, answer.challenge) == (200, None, None), answer
        assert (answer.user, answer.binding, len(seen)) == (user, binding, 1), (answer, seen)
        return answer, seen[0]

    def attacked(self, *codes, token=None, certificate=None, **request):
        """The attack: refused with one of these codes, status and challenge are that code's, nothing reached the back end, nobody
        was asked, the same children serve."""
        answer, seen = self.ask(token, certificate, **request)
        refused(answer, *codes)
        assert not seen, seen
        self.unharmed()
        return answer

    def unharmed(self):
        """Nobody was asked, the same children serve."""
        assert self.trap.connections == 0 and self.issuer.count() == self.fetches, self.issuer.asked()[self.fetches:]
        assert children(self.server) == self.children

    def _connection(self, certificate):
        return Connection(self.server.port, "localhost", tls_context(self.authority, certificate))

