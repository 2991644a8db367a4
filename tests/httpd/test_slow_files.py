"""A file that is read again and takes long holds up nobody but those who wait for what it says."""

import tempfile
from pathlib import Path

import pytest

from support.blocks import location
from support.expect import admitted, refused
from support.fake_issuer import key_set
from support.introspection import ISS as OPAQUE
from support.introspection import SECRET, asking
from support.key_life import STEADY, Asker, children, eventually, outgoing, over, remote
from support.keys import Key
from support.server import Host
from support.slow_files import WaitingHttpd
from support.tokens import claims, mint

ISS = "https://rotating.example.test"
PATH = "/jwks"


@pytest.fixture
def denied(work):
    path = work / "denied.slow"
    path.write_text("# nobody\n")
    path.chmod(0o644)
    return path


@pytest.fixture
def server(work, pki, fake, jwks, denied):
    secret = work / "slow-files.secret"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    home = Path(tempfile.mkdtemp(dir=work))
    home.chmod(0o755)
    main = (STEADY + outgoing(pki) + f'MTLSOAuthDenyFile "{denied}"\n' + remote(ISS, f'MTLSOAuthJWKSURI "{fake.url}{PATH}"')
            + asking(fake, jwks, secret, "MTLSOAuthRemoteUserSuffix @opaque") + f"MTLSOAuthOpaqueTokenIssuer {OPAQUE}\n")
    started = WaitingHttpd(home, pki, main, [Host(location("/api"))])
    yield started.start()
    started.give_back()
    started.stop()


def test_nobody_waits_for_a_file(server, pki, fake, known, key, denied):
    """While every process waits for its deny list, issuers are asked and new keys are fetched; then the list holds."""
    new = Key("ES256", kid="new")
    fake.answer(PATH, key_set(key.jwk()))
    ask = Asker(server, pki).fresh
    mallory = mint(key, claims(ISS, sub="mallory"))
    eventually(lambda: [admitted(ask(mallory), user="mallory") for _ in range(8)])
    over()
    server.take_away()
    denied.write_text("sub:mallory\n")

    def all_wait():
        assert server.waiting() == children(server)
    eventually(all_wait)
    for number in range(8):
        admitted(ask(known.add(f"opaque-{number}")), user="alice@opaque")
    fake.answer(PATH, key_set(key.jwk(), new.jwk()))
    eventually(lambda: [admitted(ask(mint(new, claims(ISS)))) for _ in range(8)])
    all_wait()
    admitted(ask(mallory), user="mallory")
    server.give_back()
    eventually(lambda: [refused(ask(mallory), "token_revoked") for _ in range(8)])
