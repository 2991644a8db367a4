"""What is counted, once each, in memory that all processes share and that outlives a graceful restart."""

import pytest

from support import environment, operator
from support.blocks import issuer, location
from support.key_life import children
from support.operator import CORP, PARTNER, PATH, PAGES, Traffic, eventually, slot, status
from support.server import Host
from support.tokens import bound_to, claims, mint

MPMS = [mpm for mpm in ("event", "worker", "prefork") if (environment.MODULES_DIR / f"mod_mpm_{mpm}.so").exists()]


@pytest.mark.parametrize("mpm", MPMS)
def test_kept_over_graceful_restarts(launch, jwks, key, pki, mpm):
    """By issuer and not by position; by all children; what went away and came back finds its numbers."""
    server = launch(hosts=operator.hosts(jwks), mpm=mpm)
    traffic = Traffic(server, key, pki)
    for _ in range(3):
        traffic.admitted(bound=True)
        traffic.refused("token_expired")
    traffic.admitted(PARTNER, bound=True)
    # another issuer before these two: the position is another one
    server.configure(hosts=[Host(issuer("urn:new", jwks, "MTLSOAuthRemoteUserSuffix @new") + operator.hosts(jwks)[0].text)])
    traffic.close()
    server.reload()
    traffic = Traffic(server, key, pki)
    traffic.admitted(bound=True)
    document = status(traffic.ask)
    assert slot(document)["bindings"] == {"bound": 4, "unbound": 0, "bound-forwarded": 0, "unchecked": 0}
    assert slot(document)["refused"] == {"token_expired": 3}
    assert slot(document, PARTNER)["admitted"] == 1
    assert slot(document, "urn:new")["admitted"] == 0
    assert document["graceful_restarts"] == 1
    server.configure(hosts=[Host(issuer("urn:new", jwks) + location("/api") + PAGES)])
    traffic.close()
    server.reload()
    traffic = Traffic(server, key, pki)
    assert {one.get("issuer") for one in status(traffic.ask)["slots"]} == {"urn:new", None}
    server.configure(hosts=operator.hosts(jwks))
    traffic.close()
    server.reload()
    traffic = Traffic(server, key, pki)
    assert slot(status(traffic.ask))["admitted"] == 4


def test_once_a_request_of_two_places(launch, jwks, key, pki):
    """An internal redirect or an ErrorDocument in another protected place is asked for a token again, and counted no more."""
    text = (issuer(CORP, jwks) + location("/api", "ErrorDocument 401 /two/oops.html") + location("/two") + PAGES
            + '<Directory "{root}/api">\nRewriteEngine on\nRewriteRule ^old$ /two/page [L]\n</Directory>\n')
    server = launch(hosts=[Host(text)], files={"api/secret.txt": "x", "two/page": "x", "two/oops.html": "oops"})
    traffic = Traffic(server, key, pki)
    answer = traffic.ask("/api/old", mint(key, claims(CORP)))
    assert (answer.status, answer.body) == (200, b"x")
    document = status(traffic.ask)
    assert (slot(document)["admitted"], slot(document)["refused"]) == (1, {})
    assert traffic.ask(PATH, mint(key, claims(CORP, exp=1))).status == 401
    assert slot(status(traffic.ask))["refused"] == {"token_expired": 1}


def test_once_a_request(launch, jwks, key, pki):
    """Neither an ErrorDocument, an index file nor a negotiation makes two of one; a Require line's refusal is one."""
    text = (issuer(CORP, jwks) + location("/api", "DirectoryIndex secret.txt", "ErrorDocument 401 /api/oops.html")
            + location("/closed", require="user nobody") + PAGES)
    server = launch(hosts=[Host(text)], files={"api/secret.txt": "x", "closed/page": "x", "api/oops.html": "oops"})
    traffic = Traffic(server, key, pki)
    token = mint(key, claims(CORP))
    assert traffic.ask("/api/", token).status == 200
    assert traffic.ask(PATH, token).status == 200
    document = status(traffic.ask)
    assert (slot(document)["admitted"], slot(document)["refused"]) == (2, {})
    assert traffic.ask(PATH, mint(key, claims(CORP, exp=1))).status == 401
    assert slot(status(traffic.ask))["refused"] == {"token_expired": 1}
    assert traffic.ask("/closed/page", token).status == 403
    document = status(traffic.ask)
    assert slot(document)["refused"] == {"token_expired": 1, "claim_denied": 1}
    assert slot(document)["admitted"] == 2
    assert traffic.ask(PATH).status == 401
    assert slot(status(traffic.ask), None)["refused"] == {"no_token": 1}


def test_reports_name_the_clients(launch, jwks, key, pki):
    """Most frequent first; another reported policy begins anew; without reports nobody is ready."""
    server = launch(hosts=operator.hosts(jwks))
    traffic = Traffic(server, key, pki)
    assert slot(status(traffic.ask))["required"]["ready"] == "not-seen"
    assert slot(status(traffic.ask), PARTNER)["required"]["ready"] == "in-force"
    traffic.admitted(bound=True)
    assert slot(status(traffic.ask))["required"]["ready"] == "as-far-as-seen"
    for client, times in (("rare", 1), ("often", 4), (operator.HOSTILE, 2), ("x" * 300, 1)):
        for _ in range(times):
            traffic.admitted(client_id=client)
    required = slot(status(traffic.ask))["required"]
    assert required["ready"] == "no" and required["observed"] == 9
    seen = [(client["client_id"], client["count"]) for client in required["clients"]]
    assert seen[:2] == [("often", 4), (operator.HOSTILE.replace("\u202e", "\ufffd"), 2)]
    assert sorted(seen[2:]) == [("rare", 1), ("x" * 95, 1)]
    assert slot(status(traffic.ask))["reported"] == {"binding_missing": 8}
    server.configure(hosts=[Host(issuer(CORP, jwks, name="corp") + location("/api") + PAGES)])
    traffic.close()
    server.reload()
    traffic = Traffic(server, key, pki)
    assert slot(status(traffic.ask))["required"] == {"ready": "not-asked", "observed": 0, "observed_since": None, "clients": []}
    assert slot(status(traffic.ask))["admitted"] == 9


def test_caches_of_all_processes(launch, jwks, key, pki):
    """Hits and misses of every child add up, also of one that has died since."""
    server = launch("StartServers 2\nMaxConnectionsPerChild 0\n", operator.hosts(jwks))
    traffic = Traffic(server, key, pki)
    token = mint(key, claims(CORP))
    for _ in range(5):
        assert traffic.ask(PATH, token).status == 200

    def seen(**wanted):
        document = status(traffic.ask)
        return all(document[name] == value for name, value in wanted.items())
    # each child tells about once a second, and httpd may be starting another one
    eventually(lambda: seen(token_cache_hits=4, token_cache_misses=1, token_cache_entries=1,
                            processes=(count := len(children(server))), token_cache_capacity=20000 * count))
    traffic.close()
    server.reload()
    traffic = Traffic(server, key, pki)
    eventually(lambda: seen(token_cache_hits=4, token_cache_misses=1, token_cache_entries=0))


def test_proofs_are_timed(launch, jwks, key, pki):
    """Each token once; what the process knows already is not proven again."""
    server = launch(hosts=operator.hosts(jwks))
    traffic = Traffic(server, key, pki)
    token = mint(key, claims(CORP))
    for _ in range(3):
        assert traffic.ask(PATH, token).status == 200
    proving = slot(status(traffic.ask))["proving"]
    assert proving["count"] == 1 and sum(count for _, count in proving["buckets"]) == 1
    assert 0 < proving["microseconds"] < 1_000_000


def test_forged_and_bound_elsewhere(launch, jwks, key, pki):
    """The policy none counts what it does not look at as unchecked; a thief's request is refused and no more."""
    server = launch(hosts=[Host(issuer(CORP, jwks, "MTLSOAuthUseMutualTLS none") + issuer(
        PARTNER, jwks, "MTLSOAuthRemoteUserSuffix @p") + location("/api") + PAGES)])
    traffic = Traffic(server, key, pki)
    assert traffic.ask(PATH, mint(key, claims(CORP, cnf=bound_to(pki.owner)))).status == 200
    assert traffic.ask(PATH, mint(key, claims(PARTNER, cnf=bound_to(pki.owner)))).refusal == "certificate_missing"
    document = status(traffic.ask)
    assert slot(document)["bindings"]["unchecked"] == 1
    assert slot(document, PARTNER)["refused"] == {"certificate_missing": 1} and slot(document, PARTNER)["admitted"] == 0
