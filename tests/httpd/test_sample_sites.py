"""The sites that docs/ shows, run as they are shown: only the port of the application is another one."""

import re
import shutil
import time

import pytest

from support import environment
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER = "https://login.example.com"
STRONG = "urn:example:phishing-resistant"


@pytest.fixture(scope="module")
def run(make_httpd, jwks, back):
    """Starts the one configuration of a page."""
    started = []

    def start(page, text=""):
        shown = re.findall(r"^```apache\n(.*?)^```", (environment.SOURCE / "docs" / page).read_text(), flags=re.M | re.S)
        assert len(shown) == 1, page
        site = shown[0].replace("127.0.0.1:8080", f"127.0.0.1:{back.port}") + text
        server = make_httpd(hosts=[Host(site)])
        conf = server.directory / "conf"
        conf.mkdir()
        shutil.copy(jwks, conf / "issuer.jwks")
        started.append(server.start())
        return server
    yield start
    for server in started:
        server.stop()


@pytest.fixture
def ask(connect, key, back):
    """Status, challenge and what the application saw."""
    def send(server, path, certificate=None, method="GET", headers=(), token=True, **changes):
        back.take()
        bearer = mint(key, claims(ISSUER, **changes)) if token else None
        answer = connect(server, certificate).request(path, bearer, method=method, headers=headers)
        return answer.status, answer.challenge or "", (back.take() or [None])[0]
    return send


@pytest.fixture(scope="module")
def site(run):
    return run("sample-site.md")


@pytest.fixture(scope="module")
def storage(run, back):
    return run("ontap-scopes.md", f'\nProxyPass "/" "http://127.0.0.1:{back.port}/"\n')


def test_orders(site, ask):
    """1: scopes by method; the application is told who asks, and gets no token."""
    status, _, seen = ask(site, "/orders/1", aud=["https://api.example.com"], scope="orders:read")
    assert (status, seen.header("X-User"), seen.header("X-Scope")) == (200, "alice", "orders:read")
    assert seen.header("Authorization") is None
    status, challenge, seen = ask(site, "/orders/1", method="POST", aud="https://api.example.com", scope="orders:read")
    assert status == 403 and seen is None and 'scope="orders:write"' in challenge
    assert ask(site, "/orders/1", method="PUT", aud="https://api.example.com", scope="orders:write")[0] == 200
    assert ask(site, "/orders/1", aud="https://api.example.com", scope="orders:write")[0] == 200
    cors = (("Origin", "https://app.example"), ("Access-Control-Request-Method", "PUT"))
    assert ask(site, "/orders/1", method="OPTIONS", headers=cors, token=False)[0] == 200
    assert ask(site, "/payments", method="OPTIONS", headers=cors, token=False)[0] == 401


def test_payments(site, ask, pki):
    """2: bound, strong and recent; or the batch client, bound."""
    now = int(time.time())
    good = {"aud": "https://api.example.com", "cnf": bound_to(pki.owner)}
    assert ask(site, "/payments", pki.owner, acr=STRONG, auth_time=now, **good)[0] == 200
    assert ask(site, "/payments", pki.owner, client_id="payment-batch", **good)[0] == 200
    status, challenge, _ = ask(site, "/payments", pki.owner, acr="weak", auth_time=now - 900, **good)
    assert status == 401 and f'acr_values="{STRONG}"' in challenge and "insufficient_user_authentication" in challenge
    status, challenge, _ = ask(site, "/payments", pki.owner, acr=STRONG, auth_time=now - 900, **good)
    assert status == 401 and 'max_age="600"' in challenge and "acr_values" not in challenge
    assert ask(site, "/payments", pki.thief, acr=STRONG, auth_time=now, **good)[0] == 401
    status, challenge, _ = ask(site, "/payments", pki.owner, acr=STRONG, auth_time=now, aud="https://api.example.com")
    assert status == 401 and 'error="invalid_token"' in challenge


def test_reports(site, ask):
    """3: departments, addresses and people, and no trainees."""
    for changes in ({"department": "finance"}, {"department": ["x", "controlling"]},
                    {"email": "j.doe@auditors.example"}, {"sub": "carol"}):
        assert ask(site, "/reports", aud="https://api.example.com", **changes)[0] == 200, changes
        status, challenge, _ = ask(site, "/reports", aud="https://api.example.com", roles=["trainee"], **changes)
        assert (status, challenge) == (403, ""), changes
    for changes in ({}, {"department": "Finance"}, {"email": "x@auditors.example.evil.test"}, {"sub": "bob"}):
        assert ask(site, "/reports", aud="https://api.example.com", **changes)[0] == 403, changes


def test_everything_else(site, ask):
    """Nothing without a token but the exempted place; identities from outside arrive nowhere."""
    status, challenge, seen = ask(site, "/anything", token=False)
    assert (status, seen) == (401, None)
    assert 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"' in challenge
    status, _, seen = ask(site, "/health", token=False, headers=(("X_User", "root"), ("X-Scope", "orders:write")))
    assert status == 200 and not any(value in ("root", "orders:write") for _, value in seen.headers)
    assert ask(site, "/.well-known/oauth-protected-resource", token=False)[0] == 200


# access -> the methods it grants
ACCESS = {"none": "", "readonly": "GET HEAD", "read_create": "GET HEAD POST", "read_modify": "GET HEAD PATCH",
          "read_create_modify": "GET HEAD POST PATCH", "all": "GET HEAD POST PATCH PUT DELETE"}


@pytest.mark.parametrize("access", ACCESS)
def test_access_of_a_scope(storage, ask, pki, access):
    """Each word of <access> grants the methods of the table and no other."""
    bound = {"aud": "https://api.example.com", "cnf": bound_to(pki.owner)}
    scope = f"openid ontap:*:ops:{access}:*:/api/cluster"
    for method in ACCESS["all"].split():
        wanted = 200 if method in ACCESS[access].split() else 403
        assert ask(storage, "/api/cluster/nodes", pki.owner, method, scope=scope, **bound)[0] == wanted, method


def test_around_the_scopes(storage, ask, pki):
    """none refuses whatever else is granted; other paths, roles and unbound tokens get nothing; a user of the site may read."""
    bound = {"aud": "https://api.example.com", "cnf": bound_to(pki.owner)}
    full, none = "ontap:*:ops:all:*:/api/cluster", "ontap:*:ops:none:*:/api/cluster"
    assert ask(storage, "/api/cluster", pki.owner, scope=full, **bound)[0] == 200
    status, challenge, _ = ask(storage, "/api/cluster", pki.owner, scope=f"{full} {none}", **bound)
    assert (status, challenge) == (403, "")
    for scope in ("ontap:*:dev:all:*:/api/cluster", "ontap:*:ops:all:*:/api/storage", "ontap:*:ops:all:*:/api/clusters", ""):
        assert ask(storage, "/api/cluster", pki.owner, scope=scope, **bound)[0] == 403, scope
    assert ask(storage, "/api/storage", pki.owner, scope=full, **bound)[0] == 403
    assert ask(storage, "/api/cluster", pki.owner, scope=full, aud="https://api.example.com")[0] == 401
    assert ask(storage, "/api/cluster", pki.owner, scope="", sub="carol", **bound)[0] == 200
    assert ask(storage, "/api/cluster", pki.owner, "POST", scope="", sub="carol", **bound)[0] == 403
