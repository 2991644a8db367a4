"""Memory that runs out at every place of a request in turn, and of a configtest: who is wrong never gets in, who is right is
answered as himself or told to come again. A process ends only as httpd's own do: by abort, since a pool got no memory.

make check takes a part of the places of a configtest, make torture all of them (MTO_TORTURE_STEP)."""

import http.client
import os

import pytest

from support.blocks import issuer, location
from support.server import Host
from support.tokens import bound_to, claims, mint
from support.torture import TortureHttpd

ISSUER = "https://torture.example.test"
STEP = int(os.environ.get("MTO_TORTURE_STEP") or 1)
# more places than a request has, or a configtest
MOST = 20000
GROUPS = ["a-group-with-a-rather-long-name", "and-another-one"]

pytestmark = pytest.mark.skipif(not os.environ.get("MTO_HTTPD_CPPFLAGS"), reason="make hands over the flags of httpd's headers")

TEXT = """
MTLSOAuthTokenCache off
Header always set X-Groups "expr=%{reqenv:GROUPS}"
"""


@pytest.fixture(scope="module")
def server(work, pki, jwks):
    directory = work / "torture"
    directory.mkdir(mode=0o755)
    denied = directory / "denied"
    denied.write_text("sub:mallory\n")
    text = (issuer(ISSUER, jwks, f'MTLSOAuthBindingCACertificateFile "{pki.authority.path}"') + TEXT
            + f'MTLSOAuthDenyFile "{denied}"\n' + location("/api", "MTLSOAuthClaimEnv GROUPS groups"))
    started = TortureHttpd(directory, pki, hosts=[Host(text)])
    yield started.start()
    started.stop()
    assert started.aborted() <= started.explained()


@pytest.mark.parametrize("how", ["one", "from"])
@pytest.mark.parametrize("who", ["good", "denied", "forged", "stolen", "nobody"])
def test_requests(server, connect, pki, key, who, how):
    """The owner gets his page with all that belongs to it, or 503; nobody else gets it."""
    said = claims(ISSUER, sub="mallory" if who == "denied" else "alice-with-a-rather-long-name", groups=GROUPS,
                  cnf=bound_to(pki.thief if who == "stolen" else pki.owner))
    token = None if who == "nobody" else mint(key, said)
    if who == "forged":
        token = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    connection = connect(server, pki.owner)
    seen = set()
    for at in range(1, MOST):
        try:
            answer = connection.request("/api/secret.txt", token, headers=[("X-Fail-At", f"{at} {how}")])
        except (OSError, http.client.HTTPException):
            seen.add("ended")
            continue
        seen.add(answer.status)
        if answer.status == 200:
            assert who == "good", (at, answer)
            assert (answer.user, answer.body) == ("alice-with-a-rather-long-name", b"the secret\n"), (at, answer)
            assert answer.header("X-Groups") == '["a-group-with-a-rather-long-name","and-another-one"]', (at, answer)
        else:
            assert b"the secret" not in answer.body, (at, answer)
            assert answer.status in (500, 503) or (who != "good" and answer.status == 401), (at, answer)
        if answer.header("X-Failed") == "0":
            break
    else:
        pytest.fail("it never came to an end")
    assert (200 in seen) == (who == "good"), seen


def crashed_in(said):
    """Whose code a crash was in: the first frame that is not of the C library, which may have been called with anything."""
    frames = [line.partition("(")[0] for line in said.splitlines() if "[0x" in line]
    return next((frame for frame in frames if not frame.endswith(("torture.so", "libc.so.6"))), None)


def test_configtest(server):
    """It ends with a message, or as httpd ends without memory; it never crashes in our code. (libcrypto does in its own,
    when its first allocations fail.)"""
    for at in range(1, MOST, STEP if STEP == 1 else 5 * STEP):
        code, said = server.configtest_failing(f"{at} one")
        assert said.strip(), (at, code)
        # it may also be ended by what parses httpd's expressions, with a message and a code of its own
        assert code >= 0 or code == -6 or not crashed_in(said).endswith("mod_auth_mtls_oauth.so"), (at, code, said)
        if code == 0 and "\n0 allocations failed" in "\n" + said:
            break
    else:
        pytest.fail("it never came to an end")
