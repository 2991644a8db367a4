"""A real authorization server (oidc-provider): discovery, bound tokens, theft, rotation under load, outages."""

import threading
import time

import pytest

from support import authorization_server
from support.authorization_server import AuthorizationServer, certificate_client, secret_client, subject_client
from support.blocks import location
from support.client import Connection, tls_context
from support.expect import admitted, refused
from support.key_life import PATH, SOON, Asker, ask, eventually, outgoing, over, remote, unavailable
from support.keys import Key
from support.server import Host
from support.tokens import AUDIENCE

pytestmark = pytest.mark.skipif(bool(authorization_server.missing()), reason=str(authorization_server.missing()))

RESOURCES = {AUDIENCE: {"format": "jwt", "scope": "read write", "seconds": 600},
             "https://other.example.test": {"format": "jwt", "scope": "read", "seconds": 600}}


@pytest.fixture(scope="module")
def keys():
    return [Key("ES256", kid="as-1"), Key("RS256", kid="as-2"), Key("ES256", kid="as-3"), Key("PS256", kid="as-4")]


@pytest.fixture(scope="module")
def clients(pki):
    return [subject_client("reports", pki.owner), subject_client("backups", pki.renewed), certificate_client("batch", pki.stranger),
            secret_client("resource-server", "a secret that only it and the issuer know")]


@pytest.fixture
def run(work, pki, keys, clients, request):
    """Runs an authorization server; it ends with the test."""
    made = []

    def start(**settings):
        home = work / f"as-{abs(hash(request.node.nodeid))}-{len(made)}"
        home.mkdir()
        made.append(AuthorizationServer(home, pki, keys[:1], clients, RESOURCES, **settings).start())
        return made[-1]
    yield start
    for one in made:
        one.stop()


@pytest.fixture
def start(make_httpd, pki, work, request):
    """Starts a server that trusts these issuers by discovery and takes bound tokens alone; it ends with the test."""
    started = []

    def begin(*issuers, timeout="2s"):
        state = work / f"as-state-{abs(hash(request.node.nodeid))}"
        blocks = "".join(remote(one.issuer, "MTLSOAuthUseMutualTLS required", "MTLSOAuthProfile rfc9068", f"MTLSOAuthRemoteUserSuffix @{number}")
                         for number, one in enumerate(issuers))
        started.append(make_httpd(outgoing(pki, state, timeout=timeout) + blocks, [Host(location("/api"))]).start())
        return started[-1]
    yield begin
    for server in started:
        server.stop()


@pytest.mark.parametrize("path, rfc8414", [("", True), ("", False), ("/tenant/one", True), ("/tenant/one", False)])
def test_bound_token(run, start, pki, path, rfc8414):
    """Found by discovery in either form; a token of the token endpoint works with its client's certificate and no other."""
    issuer = run(path=path, rfc8414=rfc8414)
    server = start(issuer)
    for client, certificate in (("reports", pki.owner), ("batch", pki.stranger)):
        token = issuer.token(client, certificate, AUDIENCE)
        eventually(lambda token=token, certificate=certificate, client=client:
                   admitted(ask(server, pki, token, certificate), user=client + "@0", binding="bound"))
        for other, code in ((None, "certificate_missing"), (pki.thief, "certificate_mismatch"), (pki.renewed, "certificate_mismatch")):
            refused(ask(server, pki, token, other), code)
    asked = [line["path"] for line in issuer.requests() if "well-known" in line["path"]]
    rfc8414_path, openid_path = f"/.well-known/oauth-authorization-server{path}", f"{path}/.well-known/openid-configuration"
    assert asked[:2] == ([rfc8414_path] if rfc8414 else [rfc8414_path, openid_path])
    assert len(issuer.requests(f"{path}/jwks")) == 1


def test_tokens_for_others(run, start, pki):
    """What the issuer gave for another resource, or another issuer for this one, is not for us."""
    issuer, foreign = run(), run()
    server = start(issuer)
    eventually(lambda: admitted(ask(server, pki, issuer.token("reports", pki.owner, AUDIENCE), pki.owner), user="reports@0", binding="bound"))
    refused(ask(server, pki, issuer.token("reports", pki.owner, "https://other.example.test", "read"), pki.owner), "audience_mismatch")
    refused(ask(server, pki, foreign.token("reports", pki.owner, AUDIENCE), pki.owner), "issuer_unknown")
    assert foreign.requests("/jwks") == []


class Load:
    """Clients that use tokens without pause; every answer that is not 200 is kept. They are as many as may wait for keys in one
    process of 25 threads: all may have come to the same one."""

    def __init__(self, server, pki, token, threads=3):
        self._server, self._pki = server, pki
        self._token = token
        self._end = threading.Event()
        self.faults, self.answers, self.slowest = [], 0, 0.0
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def use(self, token):
        """From here on this token, as a client does that has just been given it."""
        self._token = token

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        connection = Connection(self._server.port, "localhost", tls_context(self._pki.authority.path, self._pki.owner))
        while not self._end.is_set():
            begin, token = time.monotonic(), self._token
            answer = connection.request(PATH, token)
            self.slowest = max(self.slowest, time.monotonic() - begin)
            self.answers += 1
            if answer.status != 200:
                self.faults.append(answer)
        connection.close()


def test_rotation_under_load(run, start, pki, keys):
    """Keys published one cooldown before use: no token is refused, whichever key signed it; a retired key ends."""
    issuer = run()
    server = start(issuer)
    first = issuer.token("reports", pki.owner, AUDIENCE)
    eventually(lambda: admitted(ask(server, pki, first, pki.owner), user="reports@0", binding="bound"))
    over()
    begin, before = time.monotonic(), len(issuer.requests("/jwks"))
    with Load(server, pki, first) as load:
        for old, new in zip(keys, keys[1:]):
            time.sleep(0.5)
            issuer.rotate([old, new], old)
            over()
            issuer.rotate([old, new], new)
            load.use(issuer.token("reports", pki.owner, AUDIENCE))
            time.sleep(0.7)
            issuer.rotate([new])
            load.use(issuer.token("reports", pki.owner, AUDIENCE))
    assert not load.faults, load.faults[:3]
    assert load.answers > 200
    assert load.slowest < 2.5, load.slowest
    fetches, seconds = len(issuer.requests("/jwks")) - before, time.monotonic() - begin
    assert 3 <= fetches <= seconds + 1, (fetches, seconds)
    over()
    ask(server, pki, _unknown(keys[3], issuer), pki.owner)
    time.sleep(1)
    for _ in range(8):
        refused(ask(server, pki, first, pki.owner), "key_unknown")


def _unknown(key, issuer):
    """A token of a kid the issuer never had: it makes the server ask."""
    from support.tokens import claims, mint
    return mint(key.using(key.algorithm, kid="unheard-of"), claims(issuer.issuer))


def test_outage_during_rotation(run, start, pki, keys):
    """The issuer hangs, then is gone, then back with new keys: tokens of known keys never notice, the new key works soon after."""
    issuer = run()
    server = start(issuer)
    first = issuer.token("reports", pki.owner, AUDIENCE)
    eventually(lambda: admitted(ask(server, pki, first, pki.owner), user="reports@0", binding="bound"))
    over()
    issuer.rotate(keys[:2], keys[1])
    second = issuer.token("reports", pki.owner, AUDIENCE)
    with Load(server, pki, first) as load:
        issuer.hang()
        for _ in range(2):
            unavailable(ask(server, pki, second, pki.owner))
        issuer.stop()
        unavailable(ask(server, pki, second, pki.owner))
        time.sleep(0.5)
        issuer.start()
        eventually(lambda: admitted(ask(server, pki, second, pki.owner), user="reports@0", binding="bound"), SOON + 2)
    assert not load.faults, load.faults[:3]
    assert load.slowest < 1.5, load.slowest


def test_restart_while_the_issuer_is_down(run, start, pki):
    """The server is restarted during an outage: tokens given before work at once."""
    issuer = run()
    server = start(issuer)
    token = issuer.token("reports", pki.owner, AUDIENCE)
    eventually(lambda: admitted(ask(server, pki, token, pki.owner), user="reports@0", binding="bound"))
    time.sleep(0.5)
    server.stop()
    issuer.stop()
    server = start(issuer)
    for _ in range(6):
        admitted(ask(server, pki, token, pki.owner), user="reports@0", binding="bound")
    refused(ask(server, pki, token, pki.thief), "certificate_mismatch")


def test_issuer_comes_late(run, start, pki):
    """Both start together and the issuer takes longer."""
    issuer = run()
    token = issuer.token("reports", pki.owner, AUDIENCE)
    issuer.stop()
    server = start(issuer)
    unavailable(ask(server, pki, token, pki.owner))
    issuer.start()
    eventually(lambda: admitted(ask(server, pki, token, pki.owner), user="reports@0", binding="bound"), SOON + 1)


def test_several_issuers(run, start, pki, keys):
    """Two real issuers, one of them hanging: the other is not affected, and neither's keys count for the other."""
    one, two = run(), run(path="/two", rfc8414=False)
    two.rotate([keys[2]])
    server = start(one, two, timeout="5s")
    asker = Asker(server, pki)
    for number, issuer in enumerate((one, two)):
        token = issuer.token("reports", pki.owner, AUDIENCE)
        eventually(lambda token=token, number=number: admitted(ask(server, pki, token, pki.owner), user=f"reports@{number}", binding="bound"))
    two.hang()
    over()
    unavailable(asker.fresh(_unknown(keys[2], two)))
    begin = time.monotonic()
    admitted(ask(server, pki, one.token("reports", pki.owner, AUDIENCE), pki.owner), user="reports@0", binding="bound")
    assert time.monotonic() - begin < 1
    two.resume()
