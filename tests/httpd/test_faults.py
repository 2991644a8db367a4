"""Faults of the machine and of other modules: no shared memory, a name server that hangs, a process that dies with a lock in its hand,
OpenSSL errors that others left behind. What can be done without is done without; nothing that is missing admits anybody."""

import http.client
import tempfile
import time
from pathlib import Path

import pytest

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.clients import CA, SELF, authenticated, by_name, endpoint, form, post, section
from support.clients import refused as client_refused
from support.client_pki import SUBJECT
from support.expect import admitted, refused
from support.fake_issuer import FakeIssuer, key_set
from support.introspection import ISS as ASKED
from support.introspection import SECRET, Known, asking
from support.key_life import PATH, STEADY, Asker, children, eventually, outgoing, over, publishing, remote, unavailable
from support.keys import Key, write_jwks
from support.preload import PreloadedHttpd, httpd_flags, shared_object
from support.server import Host
from support.tokens import bound_to, claims, mint

ISS = "https://faults.example.test"
JWKS = "/jwks"


class FaultyHttpd(PreloadedHttpd):
    library = "faults.c"


@pytest.fixture
def fake(pki, key):
    yield from publishing(pki, key, JWKS)


@pytest.fixture
def known():
    issuer_of_opaque = FakeIssuer()
    yield Known(issuer_of_opaque)
    issuer_of_opaque.close()


@pytest.fixture
def secret(work):
    path = work / "faults.secret"
    path.write_text(SECRET)
    return path


@pytest.fixture
def start(work, pki, request):
    """Starts a server with faults; a child that the test had killed is no crash."""
    started = []

    def run(text, variables, hosts=(Host(location("/api")),), **settings):
        home = Path(tempfile.mkdtemp(dir=work))
        home.chmod(0o777)
        variables = {name: str(value).format(home=home) for name, value in variables.items()}
        started.append(FaultyHttpd(home, pki, text.format(home=home), list(hosts), variables=variables, **settings).start())
        return started[-1]
    yield run
    for server in started:
        try:
            server.stop()
        except AssertionError:
            crashes = [line for line in server.lines() if "exit signal" in line]
            if len(crashes) != getattr(server, "killed", 0) or not all("Killed (9)" in line for line in crashes):
                raise


def keys_of(fake):
    return remote(ISS, f'MTLSOAuthJWKSURI "{fake.url}{JWKS}"')


def token(key, **changes):
    return mint(key, claims(ISS, **changes))


def both(asker, check, make):
    """Of both children, soon: eight answers in a row."""
    def several():
        for number in range(8):
            check(asker.fresh(make(str(number))))
    eventually(several)


# ---- No shared memory ----

PAGE = '<Location "/metrics">\nSetHandler mtls-oauth-metrics\nRequire local\n</Location>\n'


def test_no_shared_memory(start, pki, fake, key):
    """The server starts and says so; every process fetches keys, and counts, for itself. What is refused is refused as ever."""
    server = start(STEADY + outgoing(pki, "{home}/state") + keys_of(fake), {"MTO_NO_SHARED_MEMORY": "mod_auth_mtls_oauth"},
                   [Host(location("/api") + PAGE)])
    for what in ("no shared memory for the keys of issuers: each process fetches for itself",
                 "no shared memory for counters: each process counts for itself"):
        assert sum(what in line for line in server.lines()) == 1, server.lines()
    asker = Asker(server, pki)
    both(asker, admitted, lambda jti: token(key, jti=jti))
    eventually(lambda: _equal(fake.count(JWKS), len(children(server))))
    over()
    successor = Key("ES256", kid="next")
    fake.answer(JWKS, key_set(successor.jwk()))
    both(asker, admitted, lambda jti: token(successor, jti=jti))
    both(asker, lambda answer: refused(answer, "key_unknown"), lambda jti: token(key, jti=jti))
    refused(asker.fresh(token(Key("ES256", kid="next"))), "signature_invalid")
    told = asker.fresh(None, "/metrics").body.decode()
    assert "\nmtls_oauth_counters_shared 0\n" in told, told
    server.reload()
    both(asker, admitted, lambda jti: token(successor, jti=jti))


def _equal(left, right):
    assert left == right, (left, right)


def test_no_shared_memory_for_the_cache(start, pki, jwks, known, secret):
    """Without a cache between processes each asks the issuer itself; the answers are the same."""
    text = (STEADY + "MTLSOAuthSharedCache shmcb:{home}/answers(600000)\n" + asking(known._fake, jwks, secret, cache="60s")
            + f"MTLSOAuthOpaqueTokenIssuer {ASKED}\n")
    # more than the sessions of mod_ssl have, which does not start without
    server = start(text, {"MTO_NO_SHARED_MEMORY": "mod_socache_shmcb", "MTO_NO_SHARED_MEMORY_FROM": 550000})
    assert sum("(600000): cannot be used; each process asks issuers for itself" in line for line in server.lines()) == 1
    asker = Asker(server, pki)
    name = known.add("token")
    both(asker, admitted, lambda _: name)
    assert known.count(name) == 2, "once by each process"
    both(asker, lambda answer: refused(answer, "token_inactive"), lambda _: "nobodys")


def test_small_shared_memory(start, pki, jwks, known, secret):
    """A shared cache with room for a few answers forgets the others, and mixes up none."""
    text = (STEADY + "MTLSOAuthTokenCache off\nMTLSOAuthSharedCache shmcb:{home}/answers(8192)\n"
            + asking(known._fake, jwks, secret, cache="60s") + f"MTLSOAuthOpaqueTokenIssuer {ASKED}\n")
    asker = Asker(start(text, {}), pki)
    names = [known.add(f"token-{number}", sub=f"user-{number}") for number in range(60)]
    for _ in range(2):
        for number, name in enumerate(names):
            admitted(asker.fresh(name), user=f"user-{number}")
    assert len(names) < known.count() <= 2 * len(names)


# ---- Names ----

def test_name_server_hangs(start, pki, fake, key):
    """An issuer whose name cannot be looked up has no keys: 503 in time for its tokens. Other issuers, restarts and the end of the
    server do not wait for it."""
    lost = "https://keys.hangs.example.test"
    server = start(STEADY + outgoing(pki, "{home}/state", timeout="1s") + keys_of(fake)
                   + remote(lost, f'MTLSOAuthJWKSURI "{lost}/jwks"') + remote(lost + "/found"), {"MTO_HANGING_NAMES": 60})
    asker = Asker(server, pki)
    both(asker, admitted, lambda jti: token(key, jti=jti))
    for iss in (lost, lost + "/found"):
        answer, took = asker.timed(mint(key, claims(iss)))
        unavailable(answer)
        assert took < 20, "it waited for the name server"
    over()
    successor = Key("ES256", kid="next")
    fake.answer(JWKS, key_set(successor.jwk()))
    both(asker, admitted, lambda jti: token(successor, jti=jti))
    before = time.monotonic()
    server.reload()
    server.stop()
    assert time.monotonic() - before < 30, "somebody waited for the name server"


# ---- Death with a lock ----

@pytest.mark.parametrize("mutex", ["", "pthread", "fcntl:{home}", "flock:{home}", "sysvsem", "posixsem"])
def test_killed_with_the_lock_of_the_cache(start, pki, jwks, known, secret, mutex):
    """A process is killed while it holds the mutex of the shared cache: no request waits for a dead one, whatever kind of mutex it
    is. (Nobody is told that the owner of a POSIX semaphore died: there the cache is done without from then on.)"""
    text = (STEADY + (f"Mutex {mutex} mtls-oauth\n" if mutex else "") + "MTLSOAuthTokenCache off\n"
            + asking(known._fake, jwks, secret, cache="60s") + f"MTLSOAuthOpaqueTokenIssuer {ASKED}\n")
    server = start(text, {"MTO_DIE_LOCKED": "{home}/die"})
    server.killed = 1
    asker = Asker(server, pki)
    both(asker, admitted, lambda _: known.add("before"))
    (server.directory / "die").touch()
    (server.directory / "die").chmod(0o666)
    before = children(server)
    with pytest.raises((OSError, http.client.HTTPException)):
        asker.fresh(known.add("deadly"))
    assert not (server.directory / "die").exists()
    for number in range(40):
        # who waits for a dead process waits for longer than the client does
        admitted(asker.fresh(known.add(f"after-{number % 20}")))
    eventually(lambda: _equal((len(children(server)), len(before - children(server))), (2, 1)), 10)
    both(asker, lambda answer: refused(answer, "token_inactive"), lambda _: "nobodys")
    asked = known.count("afterwards")
    both(asker, admitted, lambda _: known.add("afterwards"))
    if mutex != "posixsem":
        assert known.count("afterwards") - asked == 1, "the cache works on"


# ---- Errors of others ----

@pytest.fixture(scope="module")
def dirty(work):
    """The LoadModule line of a module that leaves errors behind."""
    flags = httpd_flags()
    if flags is None:
        pytest.skip("no headers of httpd: install apache2-dev")
    return f'LoadModule dirty_queue_module "{shared_object("mod_dirty_queue.c", work, *flags)}"\n'


def test_errors_of_others(launch, dirty, pki, client_pki, known, secret, work):
    """OpenSSL's queue is full of errors of other modules before ours is asked anything, at start and in requests: what is good is
    good, and what is bad is bad."""
    keys = {algorithm: Key(algorithm, kid=f"dirty-{algorithm}") for algorithm in ("RS256", "PS256", "ES256", "ES384", "Ed25519", "Ed448")}
    (work / "dirty.pem").write_text(keys["RS256"].public_pem())
    jwks = write_jwks(work / "dirty.json", *(one.jwk() for one in keys.values()))
    text = (issuer(ISS, jwks) + issuer(ISS + "/pem", None, f'MTLSOAuthPublicKeyFile "{work}/dirty.pem"')
            + asking(known._fake, jwks, secret, cache="60s") + f"MTLSOAuthOpaqueTokenIssuer {ASKED}\n" + location("/api")
            + f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name("dn", "dn", SUBJECT)
            + section("batch", f'MTLSOAuthClientCertificateFile "{client_pki.batch.path}"')
            + 'Alias "/token" "{root}/api"\n' + endpoint("/token"))
    server = launch(dirty + STEADY, [Host(text)])
    connections = {name: Connection(server.port, "localhost", tls_context(pki.authority.path, one))
                   for name, one in {"owner": pki.owner, "thief": pki.thief, "reports": client_pki.reports, "batch": client_pki.batch,
                                     "mask": client_pki.mask}.items()}
    for _ in range(3):
        for algorithm, key in keys.items():
            alg = {"alg": key.algorithm.replace("Ed25519", "EdDSA").replace("Ed448", "EdDSA")}
            good = mint(key, claims(ISS, cnf=bound_to(pki.owner)), alg)
            admitted(connections["owner"].request(PATH, good), binding="bound")
            refused(connections["thief"].request(PATH, good), "certificate_mismatch")
            refused(connections["owner"].request(PATH, mint(Key(algorithm, kid=key.kid), claims(ISS), alg)), "signature_invalid")
        admitted(connections["owner"].request(PATH, mint(keys["RS256"].using("RS256", None), claims(ISS + "/pem"))))
        refused(connections["owner"].request(PATH, mint(Key("RS256"), claims(ISS + "/pem"))), "signature_invalid")
        admitted(connections["owner"].request(PATH, known.add("opaque")))
        refused(connections["owner"].request(PATH, "nobodys"), "token_inactive")
        authenticated(post(connections["reports"], "/token/secret.txt", form("dn")), "dn", client_pki.reports, CA)
        client_refused(post(connections["mask"], "/token/secret.txt", form("dn")), "client_untrusted")
        authenticated(post(connections["batch"], "/token/secret.txt", form("batch")), "batch", client_pki.batch, SELF)
        client_refused(post(connections["mask"], "/token/secret.txt", form("batch")), "client_certificate_unregistered")
    for one in connections.values():
        one.close()
