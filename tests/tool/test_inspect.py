"""inspect: shows header and claims of anything that has them, and never lets it look proven."""

import json
import time

import pytest
from bench import ALGORITHMS, claims, encode, fails, parts, run, token

MARK = "UNVERIFIED: "


def shown(outcome, title):
    """The JSON object under a title."""
    text = outcome.out.split(f"{title}:\n", 1)[1]
    return json.JSONDecoder().raw_decode(text)[0]


def unsigned(header, payload):
    return ".".join(encode(part if isinstance(part, bytes) else json.dumps(part).encode())
                    for part in (header, payload)) + ".c2ln"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_header_and_claims(keys, alg):
    text = token(alg, keys[ALGORITHMS[alg][0]], kid="k1")
    for outcome in (run("inspect", text), run("inspect", "-", stdin=f" \t{text}\r\n")):
        assert (shown(outcome, "header"), shown(outcome, "claims")) == parts(text)
        assert "would be refused" not in outcome.out


def test_it_is_said_to_be_unverified_at_both_ends(key):
    lines = run("inspect", token("ES256", key)).out.splitlines()
    assert lines[0].startswith(MARK) and lines[-1].startswith(MARK)


@pytest.mark.parametrize("seconds, text", [
    (0, "1970-01-01T00:00:00Z"), (1700000000, "2023-11-14T22:13:20Z"), (1700000000.9, "2023-11-14T22:13:20Z"),
    (253402300799, "9999-12-31T23:59:59Z"), (253402300800, "no time before the year 10000"),
    (-1, "no time before the year 10000"), (-2 ** 63, "no time before the year 10000"),
    (2 ** 63 - 1, "no time before the year 10000"), (1e308, "no time before the year 10000"),
])
@pytest.mark.parametrize("name", ["iat", "nbf", "exp", "auth_time"])
def test_times_are_readable(name, seconds, text):
    lines = run("inspect", unsigned({"alg": "RS256"}, {name: seconds})).out.splitlines()
    assert len([line for line in lines if line.startswith(f"{name} ") and text in line]) == 1, lines


@pytest.mark.parametrize("offset, text", [
    (-90, "(90 seconds ago)"), (-7200, "(2 hours ago)"), (3630, "(in 60 minutes)"), (30 * 86400 + 60, "(in 30 days)"),
])
def test_times_are_told_from_now(offset, text):
    # A second may pass between here and there, so the smallest unit gets some room.
    outcome = run("inspect", unsigned({}, {"exp": int(time.time()) + offset}))
    assert text in outcome.out or text.replace("90", "91") in outcome.out, outcome


@pytest.mark.parametrize("text, code", [
    (unsigned({"alg": "none"}, claims()), "algorithm_not_allowed"),
    (unsigned({"alg": "HS256"}, claims()), "algorithm_not_allowed"),
    (unsigned({"alg": "ES256", "crit": ["b64"]}, claims()), "critical_header"),
    (unsigned({"alg": "ES256"}, {"exp": "soon"}), "claims_malformed"),
    (unsigned({"alg": "ES256"}, {"x": "y" * 20000}), "token_too_large"),
    (unsigned({"alg": "ES256"}, claims())[:-5], "token_malformed"),
], ids=["none", "HS256", "crit", "exp", "size", "cut"])
def test_what_cannot_be_admitted_is_still_shown(text, code):
    outcome = run("inspect", text)
    assert shown(outcome, "header") and shown(outcome, "claims")
    assert f"would be refused as {code}: " in outcome.out


@pytest.mark.parametrize("text", [
    "opaque", "a.b.c", "....", ".", "..", "e30", "e30.e30=.c2ln", unsigned({"alg": "ES256"}, b"prose"),
    unsigned(b'{"alg":"ES256","alg":"ES256"}', claims()), unsigned(b"[]", claims()), unsigned({}, b"[" * 3000),
    unsigned({}, b'{"a":"\\u0000"}'), unsigned({}, b'{"a":"\xff"}'), "\u00fc.\u00fc.\u00fc", "eyJ" * 5000,
], ids=lambda text: text[:24])
def test_what_is_no_jwt(text):
    outcome = run("inspect", text, code=1)
    assert "would be refused as " in outcome.out
    assert outcome.out.splitlines()[0].startswith(MARK)


def test_a_nul_byte_in_the_token():
    run("inspect", "-", stdin=b"e30.e30\0.c2ln", code=1)


def test_a_token_cannot_drive_the_terminal():
    hostile = {"\x1b[2J": "\u009b2J\x7f\u202e", "n": "\x1b]0;x\x07"}
    out = run("inspect", unsigned({"alg": "\x1b[2J\u009b"}, hostile)).out
    assert all(c == "\n" or " " <= c <= "~" or c == "\x7f" for c in out), out
    assert shown(run("inspect", unsigned({}, hostile)), "claims") == hostile


def test_standard_input_is_bounded():
    fails("inspect", "-", stdin=b"a" * (1 << 20) + b"a", hint="larger than 1048576 bytes")
