"""What an operator sees: a server with the pages, traffic for them, and a reader of each format."""

import json
import re
import time

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.server import Host
from support.tokens import bound_to, claims, mint

CORP = "https://as.example.test/realms/corp"
PARTNER = "https://login.partner.test"
PATH = "/api/secret.txt"
HOSTILE = "<script>alert(1)</script>\"'&\u202eevil"

PAGES = """
<Location "/status">
    SetHandler mtls-oauth-status
    Require local
</Location>
<Location "/metrics">
    SetHandler mtls-oauth-metrics
    Require local
</Location>
<Location "/server-status">
    SetHandler server-status
    Require local
</Location>
"""


def hosts(jwks, *lines):
    """Two issuers, one of which is reported on; `lines` follow in the second's block."""
    return [Host(issuer(CORP, jwks, "MTLSOAuthReportMutualTLS required", name="corp")
                 + issuer(PARTNER, jwks, "MTLSOAuthUseMutualTLS required", "MTLSOAuthRemoteUserSuffix @partner", *lines,
                          name="partner") + location("/api") + PAGES)]


class Traffic:
    """Requests of every outcome, over two connections of its own; `ask` is the request of the one without certificate."""

    def __init__(self, server, key, pki):
        self._key, self._pki = key, pki
        self._connections = [Connection(server.port, "localhost", tls_context(pki.authority.path, one))
                             for one in (None, pki.owner)]
        self.ask, self._ask_owner = (one.request for one in self._connections)

    def of_all_sorts(self, *client_ids):
        """Some that are refused, some that are let in, one of each of these clients."""
        for code in ("no_token", "token_malformed", "token_expired", "audience_mismatch", "binding_missing"):
            self.refused(code)
        self.admitted(bound=True)
        for client_id in client_ids:
            self.admitted(client_id=client_id)
        self.admitted(PARTNER, bound=True)

    def close(self):
        """Lets go of the children: they end only then."""
        for one in self._connections:
            one.close()

    def admitted(self, iss=CORP, bound=False, **changes):
        """One request that is let in."""
        more = {"cnf": bound_to(self._pki.owner)} if bound else {}
        answer = (self._ask_owner if bound else self.ask)(PATH, mint(self._key, claims(iss, **more, **changes)))
        assert answer.status == 200, answer

    def refused(self, code):
        """One request that is refused with this code."""
        tokens = {
            "no_token": None, "token_malformed": "a.b.c",
            "token_expired": mint(self._key, claims(CORP, exp=1)),
            "audience_mismatch": mint(self._key, claims(CORP, aud="urn:x")),
            "issuer_unknown": mint(self._key, claims("https://nobody.test")),
            "binding_missing": mint(self._key, claims(PARTNER)),
            "certificate_missing": mint(self._key, claims(CORP, cnf=bound_to(self._pki.owner))),
        }
        answer = self.ask(PATH, tokens[code])
        assert answer.refusal == code, answer


def status(ask, path="/status"):
    """The JSON document."""
    answer = ask(path, headers=[("Accept", "application/json")])
    assert answer.status == 200 and answer.header("Content-Type") == "application/json", answer
    return json.loads(answer.body)


def slot(document, iss=CORP):
    """The slot of an issuer in the JSON document; None: what has no issuer."""
    kind = "issuer" if iss else "server"
    return next(slot for slot in document["slots"] if slot["kind"] == kind and slot.get("issuer") == iss
                and "localhost" in slot["server"])


def auto(ask, path="/status?auto"):
    """The lines behind ?auto as pairs."""
    answer = ask(path)
    assert answer.status == 200 and answer.header("Content-Type").startswith("text/plain"), answer
    lines = answer.body.decode().splitlines()
    return [tuple(line.split(": ", 1)) if ": " in line else (line.rstrip(":"), "") for line in lines]


def metrics(ask, path="/metrics"):
    """{(name, frozenset of labels): value} of the Prometheus text."""
    answer = ask(path)
    assert answer.status == 200, answer
    samples = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            name, labels, value = re.fullmatch(r"([a-z_0-9]+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            sample = (name, frozenset(pairs))
            assert sample not in samples, line
            samples[sample] = float(value)
    return samples


def eventually(condition, seconds=10):
    """Waits until condition() is true, and returns what it returned."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, condition
        time.sleep(0.05)
    return value
