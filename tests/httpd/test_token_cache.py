"""Tokens that were seen before: proven once, decided at every request (THREATS, "cache poisoning", "cache beyond exp")."""

import re
import time

import pytest

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.expect import admitted, refused
from support.key_life import eventually
from support.keys import Key, write_jwks
from support.server import Host
from support.tokens import AUDIENCE, bound_to, claims, mint

ISSUER = "https://seen.example.test"
PATH = "/api/secret.txt"
ALONE = "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\nMinSpareThreads 1\nMaxSpareThreads 8\n"
WRITE = "https://write.example.test"


class Seen:
    """A server of one process, and how many of its requests had a token that was seen before."""

    def __init__(self, server, pki):
        self.server = server
        self._pki = pki
        self._connections = {}

    def ask(self, token, certificate=None, host="localhost", path=PATH):
        label = (certificate and certificate.label, host)
        if label not in self._connections:
            context = tls_context(self._pki.authority.path, certificate)
            self._connections[label] = Connection(self.server.port, host, context)
        return self._connections[label].request(path, token)

    def first(self, *args, **settings):
        """An answer to a token that must not have been seen before."""
        before = self.count()
        answer = self.ask(*args, **settings)
        assert self.count() == before, answer
        return answer

    def again(self, *args, **settings):
        """An answer to a token that must have been."""
        before = self.count()
        answer = self.ask(*args, **settings)
        assert self.count() == before + 1, answer
        return answer

    def count(self):
        return sum("token seen before" in line for line in self.server.lines())

    def close(self):
        for one in self._connections.values():
            one.close()


@pytest.fixture(scope="module")
def seen(launch, pki):
    made = []

    def make(hosts, main="", **settings):
        made.append(Seen(launch(ALONE + main, hosts, level="trace1", **settings), pki))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def server(seen, jwks):
    """One issuer as five hosts see it, and Locations that ask for more."""
    strict = 'Alias "/strict" "{root}/api"\n' + location("/strict", "MTLSOAuthUseMutualTLS required")
    narrow = 'Alias "/narrow" "{root}/api"\n' + location("/narrow", f"MTLSOAuthAudience {WRITE}")
    other = ('Alias "/other" "{root}/api"\n' + location("/other", "MTLSOAuthAcceptIssuers urn:other")
             + issuer("urn:other", jwks))
    return seen([Host(issuer(ISSUER, jwks, "MTLSOAuthClockSkew 0") + location("/api") + strict + narrow + other),
                 Host(issuer(ISSUER, jwks, audience="urn:elsewhere") + location("/api"), name="audience.example.test"),
                 Host(issuer("urn:stranger", jwks) + location("/api"), name="stranger.example.test"),
                 Host(issuer(ISSUER, jwks, "MTLSOAuthRemoteUserSuffix @b") + location("/api"), name="suffix.example.test"),
                 Host(issuer(ISSUER, jwks, "MTLSOAuthAlgorithms RS256") + location("/api"), name="rs256.example.test")])


@pytest.fixture
def token(key, request):
    """A token that no other test has."""
    def make(**changes):
        return mint(key, claims(ISSUER, jti=f"{request.node.name} {time.monotonic()}", **changes))
    return make


def shown(answer):
    """All that the module told httpd about a request."""
    return answer.status, answer.body, sorted(pair for pair in answer.headers if pair[0].startswith("X-"))


def test_same_answer(server, pki, token):
    """What is known of a token is the same the second time."""
    one = token(cnf=bound_to(pki.owner), scope=..., scp=["read", "write"])
    first = server.first(one, pki.owner)
    admitted(first, binding="bound")
    assert first.header("X-Scope") == "read write"
    for _ in range(3):
        assert shown(server.again(one, pki.owner)) == shown(first)


def test_binding_is_decided_each_time(server, pki, token):
    """A warm token helps nobody who has not its certificate, and stays warm for its owner."""
    one = token(cnf=bound_to(pki.owner))
    admitted(server.first(one, pki.owner), binding="bound")
    for _ in range(3):
        refused(server.again(one, pki.thief), "certificate_mismatch")
        refused(server.again(one), "certificate_missing")
        admitted(server.again(one, pki.owner), binding="bound")


def test_thief_comes_first(server, pki, token):
    """A token that was first seen with a wrong certificate is as good as any with its own."""
    one = token(cnf=bound_to(pki.owner))
    refused(server.first(one, pki.thief), "certificate_mismatch")
    admitted(server.again(one, pki.owner), binding="bound")


def test_expiry(server, token):
    """What is remembered ends with the token."""
    one = token(exp=time.time() + 1.5)
    admitted(server.first(one))
    admitted(server.again(one))
    time.sleep(1.7)
    refused(server.again(one), "token_expired")
    refused(server.again(one), "token_expired")


def test_ended_token_is_not_remembered(server, token):
    one = token(exp=time.time() - 1)
    for _ in range(3):
        refused(server.first(one), "token_expired")


def test_unproven_token_is_not_remembered(server, key):
    """A forgery is refused as often as it comes."""
    forged = mint(Key("ES256", kid=key.kid), claims(ISSUER))
    for _ in range(3):
        refused(server.first(forged), "signature_invalid")
    for _ in range(2):
        refused(server.first(mint(key, claims(ISSUER, aud="urn:elsewhere"))), "audience_mismatch")
    for _ in range(2):
        refused(server.first("a.b.c"), "token_malformed")


@pytest.mark.parametrize("place", [-1, -2, -86, "payload"])
def test_tokens_that_are_nearly_equal(server, token, place):
    """The whole token counts, to the last bits of its signature."""
    one = token()
    admitted(server.first(one))
    if place == "payload":
        place = one.index(".") + 30 - len(one)
    # among the four letters that keep the last, half used character of an ES256 signature canonical
    letter = next(letter for letter in "AQgw" if letter != one[place])
    other = one[:place] + letter + (one[place + 1:] if place != -1 else "")
    assert len(other) == len(one)
    refused(server.first(other), "signature_invalid", "claims_malformed", "token_malformed")
    admitted(server.again(one))


def test_hosts_do_not_share(server, token):
    """Each server has its own view of the same token."""
    one = token(aud=[AUDIENCE, "urn:more"])
    admitted(server.first(one))
    refused(server.first(one, host="audience.example.test"), "audience_mismatch", realm="audience.example.test")
    refused(server.first(one, host="stranger.example.test"), "issuer_unknown", realm="stranger.example.test")
    refused(server.first(one, host="rs256.example.test"), "algorithm_not_allowed", realm="rs256.example.test")
    admitted(server.first(one, host="suffix.example.test"), user="alice@b")
    admitted(server.again(one))
    admitted(server.again(one, host="suffix.example.test"), user="alice@b")


def test_locations_ask_each_time(server, token):
    """What a Location asks is asked of a warm token too."""
    one, both = token(), token(aud=[AUDIENCE, WRITE])
    admitted(server.first(one))
    admitted(server.first(both))
    refused(server.again(one, path="/strict/secret.txt"), "binding_missing")
    refused(server.again(one, path="/narrow/secret.txt"), "audience_mismatch")
    refused(server.again(one, path="/other/secret.txt"), "issuer_not_accepted")
    admitted(server.again(both, path="/narrow/secret.txt"))
    admitted(server.again(one))


def test_blocks_of_one_issuer(seen, jwks, token):
    """Where several blocks are for one ISS, each Location's choice among them is the same for a warm token."""
    blocks = (issuer(ISSUER, jwks, "MTLSOAuthRemoteUserSuffix @read", name="read", audience="urn:read")
              + issuer(ISSUER, jwks, "MTLSOAuthRemoteUserSuffix @write", name="write", audience="urn:write"))
    places = "".join(f'Alias "/{name}" "{{root}}/api"\n' + location(f"/{name}", f"MTLSOAuthAcceptIssuers {name}")
                     for name in ("read", "write"))
    server = seen([Host(blocks + places + location("/api"))])
    one, both = token(aud="urn:read"), token(aud=["urn:read", "urn:write"])
    for _ in range(3):
        admitted(server.ask(one), user="alice@read")
        refused(server.ask(one, path="/write/secret.txt"), "issuer_not_accepted", "audience_mismatch")
        admitted(server.ask(both, path="/read/secret.txt"), user="alice@read")
        refused(server.ask(both), "audience_mismatch")
        admitted(server.ask(both, path="/write/secret.txt"), user="alice@write")
        refused(server.ask(both), "audience_mismatch")


def test_log_line_of_a_seen_token(server, pki, token):
    """The line has the same fields whether or not the token was seen before."""
    one = token(cnf=bound_to(pki.owner))
    server.server.new_lines()
    refused(server.first(one, pki.thief), "certificate_mismatch")
    refused(server.again(one, pki.thief), "certificate_mismatch")
    first, second = (re.sub(r", referer.*", "", line) for line in server.server.refusals())
    assert first == second
    assert re.match(rf"refused certificate_mismatch iss={ISSUER} client=reports kid=k1 token=[0-9a-f]{{8}} "
                    rf"cert={pki.thief.thumbprint[:8]} want={pki.owner.thumbprint[:8]}: ", first)


def test_keys_of_seen_tokens(seen, work):
    """A key that is gone takes its warm tokens with it, one that stays keeps them; one that comes back brings them."""
    path = work / "seen.json"
    old, kept, new = Key("ES256", kid="old"), Key("ES256", kid="kept"), Key("ES256", kid="old")
    write_jwks(path, old.jwk(), kept.jwk())
    server = seen([Host(issuer(ISSUER, path) + location("/api"))])
    of_old, of_kept, of_new = (mint(key, claims(ISSUER, jti="keys")) for key in (old, kept, new))

    def publish(*keys):
        write_jwks(work / "seen.new", *(key.jwk() for key in keys))
        (work / "seen.new").rename(path)
    for one in (of_old, of_kept):
        admitted(server.first(one))
        admitted(server.again(one))
    publish(kept)
    eventually(lambda: refused(server.ask(of_old), "key_unknown"))
    admitted(server.again(of_kept))
    publish(kept, new)
    eventually(lambda: admitted(server.ask(of_new)))
    refused(server.ask(of_old), "signature_invalid")
    admitted(server.again(of_kept))
    publish(kept, old)
    eventually(lambda: admitted(server.ask(of_old)))
    admitted(server.again(of_old))
    refused(server.ask(of_new), "signature_invalid")
    admitted(server.again(of_kept))


@pytest.mark.parametrize("main, host", [("MTLSOAuthTokenCache off\n", ""), ("", "MTLSOAuthTokenCache off\n"),
                                        ("MTLSOAuthTokenCache 5\n", "MTLSOAuthTokenCache Off\n")])
def test_off(seen, jwks, token, main, host):
    server = seen([Host(host + issuer(ISSUER, jwks) + location("/api"))], main)
    one = token()
    for _ in range(3):
        admitted(server.first(one))


def test_tiny_cache(seen, jwks, token):
    """What has no room is proven anew."""
    server = seen([Host(issuer(ISSUER, jwks) + location("/api"))], "MTLSOAuthTokenCache 1\n")
    tokens = [token(sub=f"user-{number}") for number in range(3)]
    for _ in range(3):
        for number, one in enumerate(tokens):
            admitted(server.first(one), user=f"user-{number}")
            admitted(server.again(one), user=f"user-{number}")


def test_cache_of_a_host(seen, jwks, token):
    """A host that says how many has a cache of its own: others do not fill it."""
    server = seen([Host(issuer(ISSUER, jwks) + location("/api")),
                   Host("MTLSOAuthTokenCache 1\n" + issuer(ISSUER, jwks) + location("/api"), name="own.example.test")],
                  "MTLSOAuthTokenCache 1\n")
    one, other = token(), token()
    admitted(server.first(one, host="own.example.test"))
    admitted(server.first(one))
    admitted(server.first(other))
    admitted(server.again(one, host="own.example.test"))
    admitted(server.first(one))


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_mpms(launch, pki, jwks, token, mpm):
    """Every kind of process remembers."""
    server = Seen(launch("StartServers 1\n", [Host(issuer(ISSUER, jwks) + location("/api"))], level="trace1", mpm=mpm), pki)
    one = token(cnf=bound_to(pki.owner))
    for _ in range(4):
        admitted(server.ask(one, pki.owner), binding="bound")
    assert server.count() == 3
    server.close()


def test_dump(make_httpd, jwks):
    """The virtual host's number, else the main server's, else the default."""
    hosts = [Host("MTLSOAuthTokenCache 7\n", name="says.example.test"),
             Host("MTLSOAuthTokenCache off\n", name="off.example.test"),
             Host(issuer("urn:b", jwks), name="silent.example.test")]
    for main, silent in (("", "20000"), ("MTLSOAuthTokenCache 300\n", "300"), ("MTLSOAuthTokenCache off\n", "off")):
        code, said = make_httpd(main + issuer("urn:a", jwks), hosts).configtest("DUMP_MTLS_OAUTH")
        assert code == 0, said
        found = re.findall(r"^(?:main server|virtual host) (\S+).*\n  MTLSOAuthTokenCache (\S+)$", said, flags=re.M)
        assert dict(found) == {"main.example.test": silent, "says.example.test": "7", "off.example.test": "off",
                               "silent.example.test": silent}
