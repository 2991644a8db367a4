"""What the log says of a refusal, what it never says, and how often it says it."""

import hashlib
import re
import time

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.server import Host
from support.tokens import AUDIENCE, bound_to, claims, mint

ISSUER = "https://log.example.test"
OTHER = "https://log-two.example.test"
PATH = "/api/secret.txt"
SECRET_CLAIM = "a-claim-nobody-shall-read"


@pytest.fixture(scope="module")
def text(jwks):
    return issuer(ISSUER, jwks) + issuer(OTHER, jwks, "MTLSOAuthRemoteUserSuffix @two") + location("/api")


@pytest.fixture(scope="module")
def server(launch, text):
    """The module at its most talkative."""
    form = "%s refusal=%{MTLS_OAUTH_REFUSAL}e binding=%{MTLS_OAUTH_BINDING}e"
    return launch(hosts=[Host(text + f'CustomLog "{{root}}/../refusals.log" "{form}"')], level="trace8")


@pytest.fixture
def ask(server, connect):
    """The answer and the refusal lines it left in the log."""
    def send(token=None, certificate=None, **request):
        server.new_lines()
        return connect(server, certificate).request(PATH, token, **request), server.refusals()
    return send


def test_line_of_a_mismatch(ask, pki, key):
    """One line names code, issuer, client, kid, and the first characters of the hashes."""
    token = mint(key, claims(ISSUER, cnf=bound_to(pki.owner)))
    answer, lines = ask(token, pki.thief)
    refused(answer, "certificate_mismatch")
    digest = hashlib.sha256(token.encode()).hexdigest()[:8]
    assert len(lines) == 1
    assert re.match(rf'refused certificate_mismatch iss="?{ISSUER}"? client="?reports"? kid="?k1"? token={digest} '
                    rf'cert={pki.thief.thumbprint[:8]} want={pki.owner.thumbprint[:8]}: \S', lines[0]), lines


@pytest.mark.parametrize("claim_changes, request_changes, code", [
    ({"exp": 1}, {}, "token_expired"), ({"aud": "urn:x"}, {}, "audience_mismatch"),
    ({"sub": 1.5}, {}, "user_claim_malformed"), ({}, {"token": "a.b.c"}, "token_malformed"),
    ({}, {"token": "a,b"}, "token_repeated"), ({}, {"token": ""}, "request_malformed"),
    ({"iss": "https://nobody.example.test"}, {}, "issuer_unknown"), ({"cnf": {"jkt": "x"}}, {}, "binding_unsupported")])
def test_one_line_a_refusal(ask, key, claim_changes, request_changes, code):
    """Every refusal is one line at warn that begins with its code."""
    answer, lines = ask(**{"token": mint(key, claims(ISSUER, **claim_changes)), **request_changes})
    refused(answer, code)
    assert len(lines) == 1 and lines[0].startswith(f"refused {code} "), lines


def test_refusals_are_warnings(ask, server, key):
    """A refusal is a warning; the absence of a token is everyday and says so at debug."""
    ask("a.b.c")
    assert any(":warn]" in line and "refused token_malformed" in line for line in server.lines())
    answer, lines = ask()
    refused(answer, "no_token")
    told = [line for line in server.lines() if "refused no_token" in line]
    assert len(lines) == 1 and all(":debug]" in line for line in told), told


def test_report_does_not_take_the_line_of_a_refusal(launch, connect, jwks, key):
    """A request that is reported and then refused by a Require line leaves both lines."""
    server = launch(hosts=[Host(issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS none", "MTLSOAuthReportMutualTLS required")
                                + location("/api", require="user bob"))])
    refused(connect(server).request(PATH, mint(key, claims(ISSUER))), "claim_denied")
    lines = server.lines()
    assert sum("reported binding_missing" in line for line in lines) == 1
    assert sum("refused claim_denied" in line for line in lines) == 1


def test_audience_mismatch_shows_both_lists(ask, key):
    _, lines = ask(mint(key, claims(ISSUER, aud=["urn:theirs", "urn:too"])))
    assert all(part in lines[0] for part in ("urn:theirs", "urn:too", AUDIENCE)), lines


def test_admitted_leaves_no_refusal(ask, key):
    answer, lines = ask(mint(key, claims(ISSUER)))
    admitted(answer)
    assert lines == []


def test_environment_reaches_the_access_log(ask, server, key):
    """MTLS_OAUTH_REFUSAL is set on refusal too, so that a LogFormat shows it."""
    ask("a.b.c")
    ask(mint(key, claims(ISSUER)))
    log = server.directory / "refusals.log"
    end = time.monotonic() + 5
    while time.monotonic() < end and "binding=unbound" not in log.read_text().splitlines()[-1]:
        time.sleep(0.02)
    assert log.read_text().splitlines()[-2:] == ["401 refusal=token_malformed binding=-",
                                                 "200 refusal=- binding=unbound"]


HOSTILE = ["a\nb] [evil:error] fake", "a\r\nb", "a\tb", "a\x1b[31mb", "a\x00b", "a\x7fb", 'a"b', "a\\b", "a\\nb",
           "a b=c: d", "a token=00000000 cert=- want=-: forged", "%s%n%d%5000d", "\u202egnirts", "\u2028next",
           "x" * 4000, "\u00fc" * 3000]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value[:12]))
@pytest.mark.parametrize("place", ["kid", "iss", "sub", "client_id", "aud", "typ"])
def test_log_injection(ask, server, key, place, value):
    """Whatever a token says, its refusal is one line of printable text of bounded length, and no field is forged."""
    changes = {"cnf": {"jkt": "refused in any case"}}
    token = (mint(key, claims(ISSUER, **changes), {place: value}) if place in ("kid", "typ")
             else mint(key, {**claims(ISSUER, **changes), place: value}))
    answer, lines = ask(token)
    assert answer.status == 401
    assert len(lines) == 1 and len(lines[0]) < 2500, lines
    assert re.fullmatch(r"[\x20-\x7e]*", lines[0]), lines
    fields = re.match(r"refused \w+ iss=\S+ client=\S+ kid=\S+ token=(\w+) cert=\S+ want=\S+: ", lines[0])
    assert fields and fields[1] == hashlib.sha256(token.encode()).hexdigest()[:8], lines
    assert not any("fake" in line and "refused" not in line for line in server.lines())
    assert answer.challenge.startswith('Bearer realm="localhost", error="invalid_token", error_description="')
    assert value not in answer.challenge


@pytest.mark.parametrize("spoil", ["nothing", "signature", "expired", "certificate", "issuer", "form"])
def test_no_token_bytes_in_the_log(ask, server, connect, pki, key, spoil):
    """Not at trace level either: neither segments nor claims that are nobody's business."""
    changes = {"expired": {"exp": 1}, "certificate": {"cnf": bound_to(pki.thief)},
               "issuer": {"iss": "https://x.example.test"}}
    token = mint(key, claims(ISSUER, secret=SECRET_CLAIM, **changes.get(spoil, {})))
    if spoil == "signature":
        token = token[:-10] + "A" * 10
    if spoil == "form":
        token = token + "."
    answer, _ = ask(token, pki.owner)
    assert answer.status == (200 if spoil == "nothing" else 401)
    log = "\n".join(server.lines())
    for segment in token.split("."):
        assert not segment or segment[-24:] not in log
        assert not segment or segment[20:44] not in log
    assert SECRET_CLAIM not in log


# each process counts for itself
ONE_PROCESS = "StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\n"


def test_rate_limit(launch, connect, text, key):
    """At warn a flood of one refusal leaves few lines and a count; lines of other codes and issuers stay."""
    server = launch(ONE_PROCESS, hosts=[Host(text)], level="warn")
    expired = mint(key, claims(ISSUER, exp=1))
    for _ in range(300):
        refused(connect(server).request(PATH, expired), "token_expired")
    refused(connect(server).request(PATH, mint(key, claims(OTHER, exp=1))), "token_expired")
    refused(connect(server).request(PATH, mint(key, claims(ISSUER, aud="urn:x"))), "audience_mismatch")
    refused(connect(server).request(PATH), "no_token")
    lines = server.refusals()
    expired_lines = [line for line in lines if "refused token_expired" in line and f"{ISSUER}" in line]
    assert 1 <= len(expired_lines) <= 60, len(expired_lines)
    assert sum("refused token_expired" in line and OTHER in line for line in lines) == 1
    assert sum("refused audience_mismatch" in line for line in lines) == 1
    assert not any("no_token" in line for line in lines)
    # what was asked, and nothing else, was written or counted as left out
    asked, told, end = 300, expired_lines, time.monotonic() + 30
    while len(told) + sum(int(count) for count in re.findall(r"(\d+) lines? like this", "\n".join(told))) != asked:
        assert time.monotonic() < end, "not all lines are told or counted"
        time.sleep(1)
        refused(connect(server).request(PATH, expired), "token_expired")
        asked += 1
        told += server.refusals()
