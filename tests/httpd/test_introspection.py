"""Tokens that the issuer is asked about (RFC 7662): the request, what its answer must be, how long it is used, and who gets to see a token."""

import base64
import concurrent.futures
import threading
import time
import urllib.parse

import pytest

from support.blocks import location
from support.encoding import encode
from support.expect import admitted, refused
from support.fake_issuer import HANG, Answer, FakeIssuer
from support.introspection import ENDPOINT, ISS, SECRET, Known, asking, pauses, raw, unavailable
from support.key_life import PATH, SOON, STEADY, Asker, eventually
from support.keys import Key
from support.server import Host
from support.tokens import bound_to, claims, mint

# two servers in one: each virtual host its own way to remember answers
MODES = {"off": "off.example.test", "exp": "exp.example.test", "1s": "time.example.test"}

ONE_CHILD = ("MTLSOAuthSharedCache off\nStartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\n"
             "MinSpareThreads 1\nMaxSpareThreads 16\n")


@pytest.fixture(scope="module")
def other():
    """An issuer that must never see a token."""
    issuer = FakeIssuer()
    Known(issuer)
    yield issuer
    assert issuer.asked() == []
    issuer.close()


@pytest.fixture(scope="module")
def secret(work):
    path = work / "introspection.secret"
    path.write_text(SECRET + "\n")
    path.chmod(0o644)
    return path


@pytest.fixture(scope="module")
def server(launch, fake, other, jwks, secret):
    opaque = f"MTLSOAuthOpaqueTokenIssuer {ISS}\n"
    hosts = [Host(asking(fake, jwks, secret, cache=mode) + opaque + location("/api"), name=name) for mode, name in MODES.items()]
    first = (asking(fake, jwks, secret, "MTLSOAuthIntrospectJWT on", name="asks")
             + asking(other, jwks, secret, name="other", iss="https://other.example.test", audience="https://other.example.test")
             + opaque + location("/api") + 'Alias "/other" "{root}/api"\n'
             + location("/other", "MTLSOAuthAcceptIssuers other"))
    return launch("MTLSOAuthSharedCache off\n" + STEADY, [Host(first), *hosts])


@pytest.fixture
def ask(server, pki):
    return Asker(server, pki).fresh


@pytest.fixture(scope="module")
def lone(launch, fake, jwks, secret):
    """A server of one process, whose failures are followed by successes of that process: no circuit opens."""
    return launch(ONE_CHILD + asking(fake, jwks, secret) + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n", [Host(location("/api"))])


def at(server, pki, mode):
    return Asker(server, pki, host=MODES[mode]).fresh


# --- The request


def test_request(ask, known, fake):
    """RFC 7662 section 2.1: a POST of a form; id and secret encoded before they go into Authorization (RFC 6749 section 2.3.1)."""
    admitted(ask(known.add("an+opaque/token==~")))
    request = fake.asked(ENDPOINT)[-1]
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert "expect" not in request.headers
    assert known.asked()[-1] == {"token": "an+opaque/token==~", "token_type_hint": "access_token"}
    scheme, credentials = request.headers["authorization"].split(" ")
    assert scheme == "Basic"
    assert [urllib.parse.unquote_plus(part) for part in base64.b64decode(credentials).decode().split(":")] == ["rs", SECRET]


def test_claims_of_the_answer(ask, known):
    """User and environment are the answer's."""
    answer = ask(known.add("claims", sub="carol", client_id="app-7", scope="a b", jti="j-9"))
    admitted(answer, user="carol")
    assert [answer.header(name) for name in ("X-Client-Id", "X-Scope", "X-Jti", "X-Issuer", "X-Subject")] == \
        ["app-7", "a b", "j-9", ISS, "carol"]


# --- What the answer must be


@pytest.mark.parametrize("changes, code", [
    ({"active": False}, "token_inactive"),
    ({"active": "true"}, "token_inactive"),
    ({"active": 1}, "token_inactive"),
    ({"active": ...}, "token_inactive"),
    ({"iss": "https://as.example.test/"}, "issuer_unknown"),
    ({"aud": "https://other.example.test"}, "audience_mismatch"),
    ({"aud": ...}, "audience_mismatch"),
    ({"exp": 1}, "token_expired"),
    ({"nbf": 4102444800}, "token_not_yet_valid"),
    ({"exp": "soon"}, "claims_malformed"),
    ({"sub": ...}, "user_claim_missing"),
    ({"token_type": "DPoP"}, "type_not_allowed"),
    ({"typ": "Refresh"}, "type_not_allowed"),
    ({"cnf": {"jkt": "x"}}, "binding_unsupported"),
    ({"cnf": {"x5t#S256": "short"}}, "binding_malformed"),
])
def test_answer_is_checked(ask, known, changes, code):
    refused(ask(known.add(f"checked-{code}-{next(iter(changes))}-{list(changes.values())[0] is ...}", **changes)), code)


@pytest.mark.parametrize("answer", [
    raw(b"<html>"), raw(b""), raw([{"active": True}]), raw(b'{"active":true,"active":false}'),
    raw({"active": True, "sub": "alice"}, status=201), raw({"active": True, "sub": "alice"}, status=400),
    Answer(b"", 302, (("Location", "/elsewhere"),)),
    raw(b'{"active":true,"sub":"alice","x":"', stream=70000), raw(b'{"active":' + b'[' * 40 + b']' * 40 + b'}'),
    raw(b'{"active":true,"sub":"alice"}', cut=9, headers=(("Content-Length", "29"),)),
    raw({"active": True, "sub": "alice", **{f"m{number}": number for number in range(100_000)}}),
], ids=["page", "empty", "array", "twice", "created", "bad request", "redirect", "large", "deep", "cut", "100,000 members"])
def test_no_answer(lone, pki, known, fake, answer):
    """What is no answer admits nobody and is not "inactive" either; a redirect is not followed."""
    ask = Asker(lone, pki).fresh
    known.fail(answer)
    known.tokens["no-answer"] = {}
    unavailable(ask("no-answer"))
    known.restore()
    admitted(ask(known.add(f"after-{id(answer)}")))
    assert fake.count("/elsewhere") == 0


def test_binding_is_decided_each_time(server, connect, known, pki):
    """An answer that is remembered, another certificate: the answer is about the token, not about the connection."""
    name = known.add("bound", cnf=bound_to(pki.owner))
    for _ in range(3):
        admitted(connect(server, pki.owner).request("/api/secret.txt", name), binding="bound")
        refused(connect(server, pki.thief).request("/api/secret.txt", name), "certificate_mismatch")
        refused(connect(server).request("/api/secret.txt", name), "certificate_missing")
    assert known.count("bound") <= 2  # one for each child


# --- JWTs


def jwt(key, **changes):
    return mint(key, claims(ISS, **changes))


def test_jwt_is_asked_about(ask, known, key):
    """Both must pass, and the claims are the answer's."""
    token = known.add(jwt(key, jti="jwt-1"), sub="carol", client_id="answer")
    answer = ask(token)
    admitted(answer, user="carol")
    assert answer.header("X-Client-Id") == "answer"
    refused(ask(jwt(key, jti="jwt-2")), "token_inactive")
    refused(ask(known.add(jwt(key, jti="jwt-3"), aud="https://other.example.test")), "audience_mismatch")
    admitted(ask(known.add(jwt(key, jti="jwt-4"), aud=...)))


def test_jwt_that_is_refused_anyway_is_shown_to_nobody(ask, server, connect, known, key, pki, fake):
    """A bad signature, a JWT that is expired, of another issuer or bound to another certificate: the issuer never sees it."""
    before, stranger = fake.count(), Key("ES256", kid=key.kid)
    good = jwt(key)
    refused(ask(good[:-8] + "AAAAAAAA"), "signature_invalid")
    refused(ask(mint(stranger, claims(ISS))), "signature_invalid")
    refused(ask(jwt(key, exp=int(time.time()) - 100)), "token_expired")
    refused(ask(jwt(key, aud="urn:x")), "audience_mismatch")
    refused(ask(jwt(key, iss="https://nobody.example.test")), "issuer_unknown")
    refused(connect(server, pki.thief).request("/api/secret.txt", jwt(key, cnf=bound_to(pki.owner))), "certificate_mismatch")
    assert fake.count() == before


@pytest.mark.parametrize("of_jwt, of_answer, codes", [
    ("owner", None, ("bound", "certificate_mismatch")), (None, "owner", ("bound", "certificate_mismatch")),
    ("owner", "owner", ("bound", "certificate_mismatch")), ("owner", "thief", ("binding_malformed", "certificate_mismatch")),
])
def test_two_confirmations(server, connect, known, key, pki, of_jwt, of_answer, codes):
    """One binds; two must be equal."""
    cnf = {name: bound_to(getattr(pki, name)) for name in ("owner", "thief")}
    token = known.add(jwt(key, jti=f"{of_jwt}-{of_answer}", cnf=cnf.get(of_jwt, ...)), cnf=cnf.get(of_answer, ...))
    for certificate, code in zip((pki.owner, pki.thief), codes):
        answer = connect(server, certificate).request("/api/secret.txt", token)
        admitted(answer, binding="bound") if code == "bound" else refused(answer, code)


def test_block_that_does_not_say_so_asks_nobody(server, connect, key, other):
    """A JWT of a block without MTLSOAuthIntrospectJWT."""
    token = mint(key, claims("https://other.example.test", aud="https://other.example.test"))
    admitted(connect(server).request("/api/secret.txt", token))
    assert other.count() == 0


# --- Opaque tokens


def test_opaque_token_is_shown_to_one_issuer(ask, known, other):
    """Not active there: no other issuer is tried. Where its issuer is not accepted it is not even shown there."""
    refused(ask("nobody-knows-it"), "token_inactive")
    assert known.count("nobody-knows-it") == 1
    refused(ask("for-another-place", path="/other/secret.txt"), "issuer_not_accepted")
    assert known.count("for-another-place") == 0
    assert other.count() == 0


@pytest.mark.parametrize("token, code", [
    ("aGVhZA.e30.AAAA", "token_inactive"), ("a.b", "token_inactive"), ("e30.a.b.c.d", "token_inactive"),
    ("e30.e30.", "token_malformed"), (encode(b'{"alg":"none"}') + ".e30.AAAA", "algorithm_not_allowed"),
    ("a token", "token_malformed"), ("a&b", "token_malformed"), ("a" * 16385, "token_too_large"),
    ("e30.e30.AAAA.", "token_malformed"), ("e30.e30.AA+/", "token_malformed"), ("e30=.e30.AAAA", "token_malformed"),
])
def test_what_is_opaque(ask, known, token, code):
    """Anything but three segments whose first is a JSON object, however they are spelled; of the characters of RFC 6750."""
    refused(ask(token), code)
    assert known.count(token) == (code == "token_inactive")


def test_opaque_without_an_issuer(launch, pki, fake, jwks, secret):
    """No MTLSOAuthOpaqueTokenIssuer: nobody is asked."""
    server = launch(asking(fake, jwks, secret, "MTLSOAuthIntrospectJWT on"), [Host(location("/api"))])
    before = fake.count()
    refused(Asker(server, pki).fresh("opaque"), "token_malformed")
    assert fake.count() == before


def test_log_line(ask, server, known):
    """The line names the issuer that was asked, and the token by its fingerprint alone."""
    server.new_lines()
    refused(ask("an-opaque-token-nobody-knows"), "token_inactive")
    line, = server.refusals()
    assert line.startswith(f"refused token_inactive iss={ISS} client=- kid=- token="), line
    assert not any("an-opaque-token" in text or SECRET in text for text in server.lines())


# --- How long an answer is used


def test_off(server, pki, known):
    """Every request asks: a revocation is seen at once."""
    ask = at(server, pki, "off")
    known.add("off")
    for _ in range(3):
        admitted(ask("off"))
    assert known.count("off") == 3
    known.revoke("off")
    refused(ask("off"), "token_inactive", realm=MODES["off"])
    known.add("off")
    admitted(ask("off"))


def test_time(server, pki, known):
    """One second: within it few questions, after it a new one; never beyond exp."""
    ask = at(server, pki, "1s")
    known.add("time", exp=...)
    for _ in range(10):
        admitted(ask("time"))
    assert known.count("time") <= 4  # two children, and a second may end in between
    known.revoke("time")
    time.sleep(1.1)
    for _ in range(4):
        refused(ask("time"), "token_inactive", realm=MODES["1s"])
    assert known.count("time") <= 8


def test_exp(server, pki, known):
    """Until exp, however often it is used; without exp every request asks."""
    ask = at(server, pki, "exp")
    known.add("exp")
    known.add("no-exp", exp=...)
    for _ in range(10):
        admitted(ask("exp"))
        admitted(ask("no-exp"))
    assert known.count("exp") <= 2
    assert known.count("no-exp") == 10
    known.add("exp", exp=int(time.time()) + 2)
    known.add("ends", exp=int(time.time()) + 2)
    for _ in range(4):
        admitted(ask("ends"))
    known.revoke("ends")
    time.sleep(2.1)
    refused(ask("ends"), "token_inactive", realm=MODES["exp"])


def test_inactive_is_remembered_shortly(server, pki, known):
    """A token that is not active is not asked about at every request; with a cache of one second for no longer than that."""
    ask = at(server, pki, "1s")
    for _ in range(10):
        refused(ask("inactive"), "token_inactive", realm=MODES["1s"])
    assert known.count("inactive") <= 4
    known.add("inactive")
    time.sleep(1.1)
    admitted(ask("inactive"))


# --- Many at once


def test_one_question_at_a_time(server, pki, known, fake):
    """Requests with one new token share one question in each process, and all are answered."""
    known.add("before")
    known.add("many")
    # no more than there are threads in a process: httpd ends connections that only wait when all are busy
    connections = [Asker(server, pki).kept() for _ in range(7)]
    for connection in connections:
        admitted(connection.request(PATH, "before"))
    known.fail(raw(known.tokens["many"], delay=0.3))
    all_ready = threading.Barrier(len(connections))

    def ask(connection):
        all_ready.wait()
        return connection.request(PATH, "many")
    with concurrent.futures.ThreadPoolExecutor(len(connections)) as pool:
        answers = list(pool.map(ask, connections))
    for connection, answer in zip(connections, answers):
        admitted(answer)
        connection.close()
    assert len([one for one in fake.asked(ENDPOINT) if b"token=many&" in one.body]) <= 2


def test_waiting_is_bounded(launch, pki, fake, known, jwks, secret):
    """The issuer hangs: few wait, and no longer than 2 s; the others are sent away at once, and who needs no answer is not held up."""
    server = launch(ONE_CHILD + asking(fake, jwks, secret) + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n", [Host(location("/api"))])
    ask = Asker(server, pki)
    admitted(ask.fresh(known.add("before")))
    known.fail(HANG)
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        hung = [pool.submit(ask.timed, f"hang-{number}") for number in range(30)]
        time.sleep(0.5)
        for _ in range(10):
            answer, seconds = ask.timed("before")
            admitted(answer)
            assert seconds < 1
        taken = sorted(seconds for answer, seconds in (one.result() for one in hung) if unavailable(answer) is None)
    assert taken[-1] < 3.5, taken
    assert sum(seconds > 1.5 for seconds in taken) <= 2 + 2, taken
    fake.disconnect()


def test_circuit(launch, pki, fake, known, jwks, secret):
    """After five failures the issuer is left alone, then asked once after each pause; good answers go on, and all is well when it is."""
    server = launch(ONE_CHILD + asking(fake, jwks, secret, cache="exp") + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n", [Host(location("/api"))])
    ask = Asker(server, pki).fresh
    admitted(ask(known.add("kept")))
    known.fail(raw(b"", status=503))
    before, begin = fake.count(), time.monotonic()

    def left_alone():
        return pauses(server, "nobody asks it for", begin)
    for number in range(30):
        unavailable(ask(f"fails-{number}"))
        admitted(ask("kept"))
        assert bool(left_alone()) == (number >= 4)
    # a machine that is slow may be here behind the end of a pause
    first = left_alone()
    assert fake.count() - before == 4 + len(first)
    time.sleep(first[-1] + 0.1)
    for number in range(10):
        unavailable(ask(f"probes-{number}"))
    again = left_alone()
    assert len(again) > len(first) and fake.count() - before == 4 + len(again)
    known.restore()
    known.add("again")
    eventually(lambda: admitted(ask("again")), again[-1] + SOON)
    assert any("it answers again" in line for line in server.lines())


TOKEN_ERRORS = {"400": raw({"error": "invalid_request"}, status=400), "403": raw({}, status=403), "404": raw({}, status=404),
                "500": raw({}, status=500), "large": raw({"active": True, "groups": ["group"] * 12000})}


@pytest.mark.parametrize("answer", TOKEN_ERRORS.values(), ids=TOKEN_ERRORS)
def test_token_errors_open_no_circuit(launch, pki, fake, known, jwks, secret, answer):
    """What may be about one token alone, as a firewall in front of the issuer sees it: whoever sends such tokens must not lock
    the others out."""
    server = launch(ONE_CHILD + asking(fake, jwks, secret) + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n",
                    [Host(location("/api"))])
    ask = Asker(server, pki).fresh
    known.fail(answer)
    for number in range(12):
        unavailable(ask(f"bad-{number}"))
    known.restore()
    admitted(ask(known.add("good")))


def test_secret_is_read_again(launch, pki, fake, known, jwks, work):
    """A new secret in the file is used for the next question; a broken file keeps the last one."""
    path = work / "rotating.secret"
    path.write_text("first\n")
    path.chmod(0o644)
    server = launch(ONE_CHILD + asking(fake, jwks, path, cache="off") + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n",
                    [Host(location("/api"))])
    ask = Asker(server, pki).fresh
    known.add("secret")

    def used():
        admitted(ask("secret"))
        return base64.b64decode(fake.asked(ENDPOINT)[-1].headers["authorization"].split(" ")[1])
    assert used() == b"rs:first"
    path.write_text("second\n")
    assert used() == b"rs:second"
    path.write_text("two\nlines\n")
    assert used() == b"rs:second"
    assert any("more than one line" in line for line in server.lines())
