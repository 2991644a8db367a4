"""SetHandler mtls-oauth-status: the page, ?auto and JSON; and the section on mod_status's page."""

import base64
import hashlib
import html.parser
import os
import re
import time

import pytest

from support import environment, operator
from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.fake_issuer import FakeIssuer, key_set
from support.key_life import outgoing, remote
from support.operator import CORP, PARTNER, PAGES, Traffic, auto, eventually, metrics, slot, status
from support.server import Host

SECRETS = ["alice", "BEGIN", "eyJ"]


@pytest.fixture(scope="module")
def server(launch, jwks):
    more = ("status",) if (environment.MODULES_DIR / "mod_status.so").exists() else ()
    return launch(hosts=operator.hosts(jwks), more=more)


@pytest.fixture(scope="module")
def ask(server, key, pki):
    """A server that has seen all sorts of requests."""
    traffic = Traffic(server, key, pki)
    traffic.of_all_sorts("reports", "reports", operator.HOSTILE)
    return traffic.ask


def page(ask, path="/status"):
    answer = ask(path)
    assert answer.status == 200 and answer.header("Content-Type") == "text/html; charset=utf-8"
    return answer


class Elements(html.parser.HTMLParser):
    """Every element with its attributes, and every inline text of style and script."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.inline, self._open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data):
        if self._open in ("style", "script"):
            self.inline[self._open] = self.inline.get(self._open, "") + data

    def handle_endtag(self, tag):
        self._open = None


def test_panels(ask):
    """Issuers with health and keys, refusals with remedies, readiness, caches."""
    text = page(ask).body.decode()
    for wanted in (CORP, PARTNER, "keys in order", "k1", "ES256", "token_expired", "docs/refusals.md#token_expired",
                   "Remedy:", "not yet", "in force", "reports", "Token cache", "Proving tokens"):
        assert wanted in text, wanted


def test_others_texts_are_escaped(ask):
    """A client_id is shown as what it is."""
    text = page(ask).body.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\ufffdevil" in text
    assert "<script>alert" not in text and "\u202e" not in text
    lines = dict(auto(ask))
    assert not any("\u202e" in value for value in lines.values())


def test_no_secrets(ask):
    """No subject, no token, no key on any of the pages."""
    for path, headers in (("/status", []), ("/status?auto", []), ("/status", [("Accept", "application/json")]),
                          ("/metrics", [])):
        text = ask(path, headers=headers).body.decode()
        assert not any(secret in text for secret in SECRETS), path


def test_content_security_policy(ask):
    """Exactly the inline style and script of the page may run; nothing is taken from elsewhere."""
    answer = page(ask)
    policy = dict(part.split(" ", 1) for part in answer.header("Content-Security-Policy").split("; "))
    seen = Elements(answer.body.decode())
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        digest = base64.b64encode(hashlib.sha256(seen.inline[tag].encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert sum(tag == "script" for tag, _ in seen.elements) == 1
    for tag, attributes in seen.elements:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert attributes.get("href", "?").startswith("?") and "src" not in attributes
    assert answer.header("X-Content-Type-Options") == "nosniff" and answer.header("Cache-Control") == "no-store"


def test_without_scripts(ask):
    """?refresh has a browser read the page again."""
    assert page(ask, "/status?refresh").header("Refresh") == "10"
    assert page(ask).header("Refresh") is None


def test_auto(ask):
    lines = auto(ask)
    totals = dict(lines)
    assert totals["MTLSOAuthAdmitted"] == "5" and totals["MTLSOAuthAdmittedBound"] == "2"
    assert totals["MTLSOAuthRefused"] == "5" and totals["MTLSOAuthRefused_no_token"] == "1"
    assert any(key.endswith("_Issuer") and value == CORP for key, value in lines)
    assert ("MTLSOAuthSlot0_ReportedClient", "2 reports") in lines
    assert all(re.fullmatch(r"MTLSOAuth\w+", key) for key, _ in lines)


@pytest.mark.parametrize("accept, wanted", [
    ("application/json", "application/json"), ("application/json, text/html;q=0.9", "application/json"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
    ("text/html, application/json", "text/html; charset=utf-8"), ("*/*", "text/html; charset=utf-8"),
    ("application/json;q=0", "text/html; charset=utf-8")])
def test_negotiation(ask, accept, wanted):
    answer = ask("/status", headers=[("Accept", accept)])
    assert answer.header("Content-Type") == wanted and "Accept" in answer.header("Vary")


def test_json(ask):
    document = status(ask)
    corp = slot(document)
    assert corp["health"] == "good" and corp["keys"]["set"] == [{"kid": "k1", "alg": "ES256"}]
    assert corp["keys"]["from_files"] and corp["use_mutual_tls"] == "request" and corp["report_mutual_tls"] == "required"
    assert document["refusals"]["token_malformed"] == 1 and document["shared"]
    last = corp["history"][-1]
    assert last[1:] == [corp["admitted"], sum(corp["refused"].values())]


def test_methods(ask):
    assert ask("/status", method="HEAD").body == b""
    assert ask("/status", method="POST", body=b"x").status == 405


def test_age_of_key_files(ask, jwks):
    """Of files it is when they were changed that tells the age of keys."""
    corp, changed = slot(status(ask))["keys"], os.stat(jwks).st_mtime
    assert corp["files_changed"] == pytest.approx(changed, abs=1) and corp["fetched"] is corp["good_until"] is None
    assert 0 <= int(dict(auto(ask))["MTLSOAuthSlot0_KeysAgeSeconds"]) <= time.time() - changed + 1
    assert re.search(r"<dt>Key files changed</dt><dd>\d+ (s|min) ago</dd>", page(ask).body.decode())


def test_age_of_fetched_keys(launch, pki, work, key):
    """When they were fetched, and until when they are used if nothing else is."""
    fake = FakeIssuer(pki.server)
    fake.answer("/jwks", key_set(key.jwk()))
    try:
        server = launch(outgoing(pki, work / "operator-ages") + "MTLSOAuthJWKSMaxStale 10h\n", [Host(
            remote(CORP, f'MTLSOAuthJWKSURI "{fake.url}/jwks"') + location("/api") + PAGES)])
        ask = Connection(server.port, "localhost", tls_context(pki.authority.path)).request
        keys = eventually(lambda: (seen := slot(status(ask))["keys"])["fetched"] and seen)
        assert keys["good_until"] - keys["fetched"] == pytest.approx(36000, abs=1) and keys["files_changed"] is None
        assert re.search(r"<dt>Good until</dt><dd>in (9|10) h</dd>", page(ask).body.decode())
        ends = [value for (name, _), value in metrics(ask).items() if name == "mtls_oauth_keys_end_timestamp_seconds"]
        assert ends == [pytest.approx(keys["good_until"], abs=1)]
    finally:
        fake.close()


def test_health_of_a_broken_issuer(launch, pki, work):
    """An issuer that answers wrongly has no keys, failed fetches and the reason; its URL is not shown."""
    fake = FakeIssuer(pki.server)
    try:
        server = launch(f'MTLSOAuthStateDir "{work}/operator-state"\n', [Host(issuer(
            CORP, None, f'MTLSOAuthJWKSURI "{fake.url}/secret-path"', f'MTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"')
            + location("/api") + PAGES)])
        ask = Connection(server.port, "localhost", tls_context(pki.authority.path)).request
        corp = eventually(lambda: (seen := slot(status(ask)))["keys"]["fetches_failed"] and seen)
        assert corp["health"] == "dead" and corp["keys"]["last_error"] == "the key set: HTTP status 404"
        assert corp["keys"]["next_fetch"] and corp["keys"]["last_failure"] and corp["keys"]["set"] == []
        text = page(ask).body.decode()
        assert "no keys: every token is refused" in text and "HTTP status 404" in text and "secret-path" not in text
    finally:
        fake.close()


def test_nothing_configured(launch, pki):
    """A server without an issuer says so."""
    server = launch(hosts=[Host(PAGES)])
    ask = Connection(server.port, "localhost", tls_context(pki.authority.path)).request
    assert "nothing to count" in page(ask).body.decode()
    assert status(ask)["slots"] == []


@pytest.mark.skipif(not (environment.MODULES_DIR / "mod_status.so").exists(), reason="no mod_status")
def test_section_of_mod_status(ask):
    """The numbers stand on httpd's own page and behind its ?auto; the others' texts are not."""
    text = ask("/server-status").body.decode()
    assert "<h2>mod_auth_mtls_oauth</h2>" in text and CORP in text and "good" in text
    lines = dict(auto(ask, "/server-status?auto"))
    assert lines["MTLSOAuthAdmitted"] == "5" and lines["MTLSOAuthRefused_token_expired"] == "1"
    assert not any("Slot" in key for key in lines)
