"""MTLSOAuthDenyFile: what it names is refused at once, tokens that were seen before included; a broken file keeps the last good one."""

import os

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.introspection import ISS, SECRET, Known, asking
from support.key_life import STEADY, Asker, eventually
from support.server import Host
from support.tokens import bound_to, claims, mint

PATH = "/api/secret.txt"
OTHER = "https://other.example.test"


def write(path, text):
    """Replaces the file as docs/directives.md says: a finished one is renamed over it."""
    finished = path.with_suffix(".new")
    finished.write_text(text)
    finished.chmod(0o644)
    os.replace(finished, path)


@pytest.fixture(scope="module")
def denied(work):
    path = work / "denied.list"
    write(path, "# nobody\n")
    return path


@pytest.fixture(scope="module")
def server(launch, jwks, denied, fake, work):
    secret = work / "denied.secret"
    secret.write_text(SECRET)
    secret.chmod(0o644)
    main = (STEADY + f'MTLSOAuthDenyFile "{denied}"\n' + issuer("https://as.example.test/jwt", jwks, name="corp")
            + issuer(OTHER, jwks, "MTLSOAuthRemoteUserSuffix @other") + asking(fake, jwks, secret, "MTLSOAuthRemoteUserSuffix @opaque")
            + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n")
    return launch(main, [Host(location("/api"))])


@pytest.fixture
def token(key):
    return lambda iss="https://as.example.test/jwt", **changes: mint(key, claims(iss, **changes))


def soon_refused(connection, token, code="token_revoked"):
    """By both processes: each reads the file within a second or so."""
    def check():
        for _ in range(8):
            refused(connection(token), code)
    eventually(check)


@pytest.mark.parametrize("line, changes", [
    ("jti:token-9", {"jti": "token-9"}), ("sub:mallory", {"sub": "mallory"}), ('sub:"Jane Doe"', {"sub": "Jane Doe"}),
    ("client:stolen # laptop", {"client_id": "stolen"}), ("kid:k1", {}), ("sub:mallory iss=corp", {"sub": "mallory"}),
    ("sub:mallory iss=https://as.example.test/jwt", {"sub": "mallory"}), ("jti:17", {"jti": 17}),
])
def test_line(server, pki, token, denied, line, changes):
    """Each kind of line, on tokens that were admitted a moment ago; and no others when the line is gone."""
    ask = Asker(server, pki).fresh
    write(denied, "# nobody\n")
    said = token(**changes)
    eventually(lambda: [admitted(ask(said), user=changes.get("sub", "alice")) for _ in range(8)])
    write(denied, line + "\n")
    soon_refused(ask, said)
    assert "line 1 of the deny list" in [text for text in server.refusals() if "token_revoked" in text][-1]
    if not line.startswith("kid"):
        admitted(ask(token(jti="another", sub="bob")), user="bob")


def test_lost_key(server, pki, key, token, denied):
    """Whoever has the issuer's key writes the header of the token: without kid it is the same key."""
    ask = Asker(server, pki).fresh
    nameless = mint(key.using("ES256", None), claims("https://as.example.test/jwt"))
    write(denied, "# nobody\n")
    eventually(lambda: [admitted(ask(nameless)) for _ in range(8)])
    write(denied, "kid:k1\n")
    soon_refused(ask, token())
    soon_refused(ask, nameless)


def test_other_issuer(server, pki, token, denied):
    """iss= is about that issuer's tokens alone."""
    ask = Asker(server, pki).fresh
    write(denied, "sub:mallory iss=corp\n")
    soon_refused(ask, token(sub="mallory"))
    # a process may still have the list of the test before
    eventually(lambda: [admitted(ask(token(OTHER, sub="mallory")), user="mallory@other") for _ in range(4)])


def test_certificate(server, connect, pki, token, denied):
    """A certificate that was lost: of a bound token, and of a connection with an unbound one."""
    bound = token(cnf=bound_to(pki.owner))
    write(denied, "# nobody\n")
    eventually(lambda: [admitted(connect(server, pki.owner).request(PATH, bound), binding="bound") for _ in range(4)])
    write(denied, f"x5t:{pki.owner.thumbprint}\n")
    soon_refused(lambda said: connect(server, pki.owner).request(PATH, said), bound)
    soon_refused(lambda said: connect(server, pki.owner).request(PATH, said), token())
    admitted(connect(server, pki.thief).request(PATH, token()))


def test_opaque(server, pki, fake, denied):
    """What the issuer's answer says counts likewise, from a cache or not."""
    known, ask = Known(fake), Asker(server, pki).fresh
    write(denied, "# nobody\n")
    known.add("opaque-token", sub="oscar")
    eventually(lambda: [admitted(ask("opaque-token"), user="oscar@opaque") for _ in range(4)])
    write(denied, f"sub:oscar iss={ISS}\n")
    soon_refused(ask, "opaque-token")


def test_broken_or_gone(server, pki, token, denied):
    """The last good list stays, and the log says why."""
    ask = Asker(server, pki).fresh
    write(denied, "sub:mallory\n")
    soon_refused(ask, token(sub="mallory"))
    write(denied, "sub:eve\nuser:mallory\n")

    def says(text):
        assert any(text in line and "stays in force" in line for line in server.lines()), text
    eventually(lambda: says(f"MTLSOAuthDenyFile {denied}: line 2: it begins with none of"))
    denied.unlink()
    eventually(lambda: says(f"MTLSOAuthDenyFile {denied}: No such file"))
    for _ in range(8):
        refused(ask(token(sub="mallory")), "token_revoked")
        admitted(ask(token(sub="eve")), user="eve")
    write(denied, "sub:eve\n")
    soon_refused(ask, token(sub="eve"))
    admitted(ask(token(sub="mallory")), user="mallory")


@pytest.mark.parametrize("text, said", [
    (None, "No such file"), ("jti:\n", "line 1: the value is empty"), ("nonsense\n", "line 1: it begins with none of"),
    ("x5t:abc\n", "line 1: an x5t is 43 characters"),
])
def test_configtest(make_httpd, work, jwks, text, said):
    """A list that is missing or broken at start is an error."""
    path = work / "broken-denied.list"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    code, output = make_httpd(f'MTLSOAuthDenyFile "{path}"\n' + issuer(OTHER, jwks)).configtest()
    assert code != 0 and f"MTLSOAuthDenyFile {path}: {said}" in output, output


def test_unknown_issuer_is_warned_of(make_httpd, work, jwks):
    path = work / "foreign-denied.list"
    path.write_text("sub:x iss=nobody\n")
    code, output = make_httpd(f'MTLSOAuthDenyFile "{path}"\n' + issuer(OTHER, jwks)).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and "iss=nobody: no <MTLSOAuthIssuer>" in output, output
