"""How the server goes out for keys: whom it trusts, what it shows, which way it takes, how long it waits."""

import os
import shutil
import time

import pytest

from support import environment
from support.blocks import location
from support.expect import admitted
from support.fake_issuer import ConnectProxy, FakeIssuer, HANG, key_set
from support.key_life import Asker, eventually, over, remote, unavailable
from support.keys import Key
from support.server import Host
from support.tokens import claims, mint

PATH = "/jwks"


@pytest.fixture
def ends():
    """Things to close when the test ends, last first."""
    made = []
    yield made
    for one in reversed(made):
        one()


@pytest.fixture
def issuer_of(pki, key, ends):
    def make(certificate=pki.server, client_authority=None, **settings):
        fake = FakeIssuer(certificate, client_authority, **settings)
        ends.append(fake.close)
        fake.answer(PATH, key_set(key.jwk()))
        return fake
    return make


@pytest.fixture
def proxy(ends):
    made = ConnectProxy()
    ends.append(made.close)
    return made


@pytest.fixture
def start(make_httpd, pki, ends):
    """A server whose blocks are (name, issuer, lines); asks with tokens of a block's name."""
    def run(*blocks, main="", authority=True, few=False):
        text = "MTLSOAuthStateDir off\nMTLSOAuthJWKSCooldown 1s\n" + main
        if authority:
            text += f'MTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"\n'
        if few:
            text += "StartServers 1\nServerLimit 1\nThreadsPerChild 25\nMaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\n"
        text += "".join(remote(iss(name), f'MTLSOAuthJWKSURI "{fake.url}{PATH}"', *lines) for name, fake, *lines in blocks)
        server = make_httpd(text, [Host(location("/api"))]).start()
        ends.append(server.stop)
        asker = Asker(server, pki)
        return lambda name, key: asker.fresh(mint(key, claims(iss(name))))
    return run


def iss(name):
    return f"https://{name}.outgoing.example.test"


def test_authority(start, issuer_of, pki, key, work):
    """The system's CAs, or those of the file alone, in the block, its server or the main server."""
    other = work / "another-ca.pem"
    other.write_text(pki.stranger.pem)
    bundle = work / "bundle.pem"
    bundle.write_text(pki.stranger.pem + pki.authority.pem)
    fake, silent = issuer_of(), issuer_of()
    ask = start(("trusted", fake, f'MTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"'), ("system", silent),
                ("other", silent, f'MTLSOAuthOutgoingCACertificateFile "{other}"'),
                ("bundle", fake, f'MTLSOAuthOutgoingCACertificateFile "{bundle}"'), authority=False)
    for name in ("trusted", "bundle"):
        eventually(lambda name=name: admitted(ask(name, key)))
    for name in ("system", "other"):
        unavailable(ask(name, key))
    assert silent.count() == 0
    ask = start(("inherited", fake), ("own", silent, f'MTLSOAuthOutgoingCACertificateFile "{other}"'))
    eventually(lambda: admitted(ask("inherited", key)))
    unavailable(ask("own", key))


def test_authority_file_changes(start, issuer_of, pki, key, work):
    """A new file is taken up without a reload."""
    authority = work / "changing-ca.pem"
    authority.write_text(pki.stranger.pem)
    fake = issuer_of()
    ask = start(("one", fake, f'MTLSOAuthOutgoingCACertificateFile "{authority}"'), authority=False)
    unavailable(ask("one", key))
    beside = work / "changing-ca.new"
    beside.write_text(pki.authority.pem)
    os.replace(beside, authority)
    eventually(lambda: admitted(ask("one", key)))


def test_name_is_checked(start, issuer_of, key):
    """The name in the URL counts, be it a host name or an address."""
    by_name, by_address, by_other = issuer_of(), issuer_of(name="127.0.0.1"), issuer_of(name="127.0.0.2", host="127.0.0.2")
    ask = start(("name", by_name), ("address", by_address), ("other", by_other))
    eventually(lambda: admitted(ask("name", key)))
    eventually(lambda: admitted(ask("address", key)))
    unavailable(ask("other", key))
    assert by_other.count() == 0


def test_client_certificate(start, issuer_of, pki, key, work):
    """The issuer asks for a certificate: it gets that of the block, with a key that only root need be able to read."""
    secret = work / "outgoing.key"
    shutil.copy(pki.owner.key_path, secret)
    secret.chmod(0o600)
    demanding = issuer_of(client_authority=pki.authority.path)
    shown = [f'MTLSOAuthOutgoingCertificateFile "{pki.owner.path}"', f'MTLSOAuthOutgoingKeyFile "{secret}"']
    untrusted = [f'MTLSOAuthOutgoingCertificateFile "{pki.stranger.path}"', f'MTLSOAuthOutgoingKeyFile "{pki.stranger.key_path}"']
    ask = start(("with", demanding, *shown), ("without", demanding), ("stranger", demanding, *untrusted))
    eventually(lambda: admitted(ask("with", key)))
    unavailable(ask("without", key))
    unavailable(ask("stranger", key))
    assert {request.certificate for request in demanding.asked()} == {pki.owner.der}


def test_client_certificate_changes(start, issuer_of, pki, key, work):
    """A renewed certificate and key are taken up without a reload; one without the other leaves the old pair in use."""
    certificate, secret = work / "rotating.pem", work / "rotating.key"
    shutil.copy(pki.owner.path, certificate)
    shutil.copy(pki.owner.key_path, secret)
    demanding = issuer_of(client_authority=pki.authority.path)
    ask = start(("one", demanding, f'MTLSOAuthOutgoingCertificateFile "{certificate}"', f'MTLSOAuthOutgoingKeyFile "{secret}"'), few=True)
    eventually(lambda: admitted(ask("one", key)))
    for target, source in ((certificate, pki.thief.path), (secret, pki.thief.key_path)):
        beside = work / "rotating.new"
        shutil.copy(source, beside)
        os.replace(beside, target)

    def fetched_with_the_new_one():
        over()
        demanding.disconnect()
        ask("one", Key("ES256", kid=os.urandom(4).hex()))
        assert demanding.asked()[-1].certificate == pki.thief.der
    eventually(fetched_with_the_new_one, 8)
    admitted(ask("one", key))


def test_http_to_loopback(start, issuer_of, pki, key):
    """Clear text to a loopback literal, of both families."""
    four, six = issuer_of(None), issuer_of(None, host="::1")
    ask = start(("four", four), ("six", six), authority=False)
    eventually(lambda: admitted(ask("four", key)))
    eventually(lambda: admitted(ask("six", key)))


def test_proxy(start, issuer_of, proxy, key):
    """https goes through the proxy of the block by CONNECT; clear text to loopback never does, and no proxy is no way round it."""
    tunnelled, direct, clear, cut_off = issuer_of(), issuer_of(), issuer_of(None), issuer_of()
    dead = ConnectProxy()
    dead.stop()
    through = f"MTLSOAuthOutgoingProxy {proxy.url}"
    ask = start(("tunnelled", tunnelled, through), ("direct", direct), ("clear", clear, through),
                ("cut-off", cut_off, f"MTLSOAuthOutgoingProxy {dead.url}"))
    for name in ("tunnelled", "direct", "clear"):
        eventually(lambda name=name: admitted(ask(name, key)))
    unavailable(ask("cut-off", key))
    assert set(proxy.targets) == {f"localhost:{tunnelled.port}"}
    assert cut_off.count() == 0
    assert not [request for request in tunnelled.asked() if "proxy" in " ".join(request.headers)]


def test_environment_is_ignored(start, issuer_of, proxy, key, work, monkeypatch):
    """Neither proxies nor credentials come from the environment or from a home directory."""
    home = work / "home"
    home.mkdir(exist_ok=True)
    (home / ".netrc").write_text("machine localhost login somebody password secret\nmachine 127.0.0.1 login somebody password secret\n")
    (home / ".curlrc").write_text(f'proxy = "{proxy.url}"\n')
    for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CURL_HOME", str(home))
    fake, clear = issuer_of(), issuer_of(None)
    ask = start(("one", fake), ("clear", clear))
    eventually(lambda: admitted(ask("one", key)))
    eventually(lambda: admitted(ask("clear", key)))
    assert proxy.targets == []
    for request in fake.asked() + clear.asked():
        assert "authorization" not in request.headers


def test_timeout(start, issuer_of, key, ends):
    """The time is for the whole exchange, wherever the other side holds it up."""
    held_up = {}
    for patience in ("patient", "hasty"):
        silent, dripping = issuer_of(), issuer_of()
        silent.answer(PATH, HANG)
        dripping.answer(PATH, key_set(key.jwk(), drip=0.2))
        held_up.update({f"{patience}-silent": silent, f"{patience}-dripping": dripping, f"{patience}-deaf": _Deaf(ends)})
    seconds = {"patient": 4, "hasty": 1}
    start(*((name, one, f"MTLSOAuthOutgoingTimeout {seconds[name.split('-')[0]]}s") for name, one in held_up.items()), few=True)
    time.sleep(7)
    for name, one in held_up.items():
        begun, limit = _begun(one), seconds[name.split("-")[0]]
        assert (len(begun) >= 3) if limit == 1 else (1 <= len(begun) <= 2), (name, begun)
        for first, second in zip(begun, begun[1:]):
            assert limit - 0.1 < second - first < limit + 2.2, (name, begun)


class _Deaf:
    """Accepts connections and never says a word."""

    def __init__(self, ends):
        self.times = []
        outer = self

        class Listener(FakeIssuer):
            def serve(self, accepted, port):
                outer.times.append(time.monotonic())
                accepted.settimeout(30)
                while accepted.recv(4096):
                    pass
        listener = Listener()
        self.url = f"https://localhost:{listener.port}"
        ends.append(listener.close)


def _begun(one):
    return one.times if isinstance(one, _Deaf) else [request.time for request in one.asked(PATH)]


def test_connections_are_reused(start, issuer_of, key):
    """One process, several fetches, one connection."""
    fake = issuer_of()
    ask = start(("one", fake), few=True)
    eventually(lambda: admitted(ask("one", key)))
    for number in range(3):
        over()
        ask("one", Key("ES256", kid=f"unheard-of-{number}"))
    assert fake.count(PATH) == 4
    assert len({request.connection for request in fake.asked(PATH)}) == 1


def test_one_source_is_one_fetch(make_httpd, issuer_of, pki, key, work):
    """Many virtual hosts of one issuer share its keys; another outgoing setting makes another source."""
    fake, other = issuer_of(), issuer_of()
    line = f'MTLSOAuthJWKSURI "{fake.url}{PATH}"'
    hosts = [Host(remote(iss("shared"), line) + location("/api"), name=f"host{number}.example.test") for number in range(20)]
    hosts.append(Host(remote(iss("own"), f'MTLSOAuthJWKSURI "{other.url}{PATH}"') + remote(iss("slow"), f'MTLSOAuthJWKSURI "{other.url}{PATH}"',
                                                                                          "MTLSOAuthOutgoingTimeout 9s") + location("/api")))
    server = make_httpd(f'MTLSOAuthStateDir "{work}/shared-state"\nMTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"\n', hosts).start()
    try:
        for number in (0, 7, 19):
            asker = Asker(server, pki, f"host{number}.example.test")
            eventually(lambda asker=asker: admitted(asker.fresh(mint(key, claims(iss("shared"))))))
        asker = Asker(server, pki)
        for name in ("own", "slow"):
            eventually(lambda name=name: admitted(asker.fresh(mint(key, claims(iss(name))))))
        time.sleep(1)
        assert fake.count(PATH) == 1
        assert other.count(PATH) == 2
    finally:
        server.stop()


def test_one_slow_issuer_delays_no_other(start, issuer_of, key):
    """Sources are fetched side by side."""
    slow, quick = [issuer_of() for _ in range(6)], issuer_of()
    for one in slow:
        one.hang()
    begin = time.monotonic()
    ask = start(*((f"slow-{number}", one, "MTLSOAuthOutgoingTimeout 20s") for number, one in enumerate(slow)), ("quick", quick))
    eventually(lambda: admitted(ask("quick", key)), 3)
    assert time.monotonic() - begin < 5
    over()
    quick.answer(PATH, key_set(Key("ES256", kid="other").jwk(), key.jwk()))
    unheard = Key("ES256", kid="unheard-of")
    ask("quick", unheard)
    assert quick.count(PATH) >= 2
    for one in slow:
        one.go_on()
    for number in range(len(slow)):
        eventually(lambda number=number: admitted(ask(f"slow-{number}", key)))


def test_stop_does_not_wait(make_httpd, issuer_of, pki, key):
    """A fetch that hangs holds up neither a graceful restart nor the end."""
    fake = issuer_of()
    fake.hang()
    server = make_httpd(f'MTLSOAuthStateDir off\nMTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"\nMTLSOAuthOutgoingTimeout 60s\n'
                        + remote(iss("one"), f'MTLSOAuthJWKSURI "{fake.url}{PATH}"'), [Host(location("/api"))]).start()
    fake.wait_for(PATH)
    begin = time.monotonic()
    server.reload()
    assert time.monotonic() - begin < 5
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 5, "a fetch held up the end"
    assert not environment.SANITIZERS or not [line for line in server.lines() if "still did not exit" in line]
