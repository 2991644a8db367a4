"""verify-jws: one answer a line, in order and at once, whatever stands there; signatures by python's cryptography."""

import json
import subprocess

import bench
import pytest
from bench import ALGORITHMS, encode, private_jwk, public_jwk, run, token

ACCEPT = {"verdict": "accept"}


def reject(reason):
    return {"verdict": "reject", "reason": reason}


def line(jws, *jwks):
    return json.dumps({"jws": jws, "jwks": {"keys": list(jwks)}}).encode()


def answers(*lines, end=b"\n"):
    outcome = run("verify-jws", stdin=b"\n".join(lines) + end)
    assert outcome.err == ""
    return [json.loads(answer) for answer in outcome.out.splitlines()]


def test_the_exact_form_of_the_answers(key):
    good = line(token("ES256", key), public_jwk(key))
    assert run("verify-jws", stdin=good + b"\n\n").out == \
        '{"verdict":"accept"}\n{"verdict":"reject","reason":"token_malformed"}\n'


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_tokens_made_by_python(keys, alg):
    key = keys[ALGORITHMS[alg][0]]
    text = token(alg, key)
    other = bench.make_key(ALGORITHMS[alg][0])
    assert answers(line(text, public_jwk(key)), line(text, public_jwk(key, alg=alg, use="sig", key_ops=["verify"])),
                   line(text, private_jwk(key)), line(text, public_jwk(other)),
                   line(text, public_jwk(other), public_jwk(key))) \
        == [ACCEPT, ACCEPT, ACCEPT, reject("signature_invalid"), ACCEPT]


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_octet_of_token_and_signature_counts(keys, alg):
    key = keys[ALGORITHMS[alg][0]]
    text = token(alg, key, b"{}")
    covered, _, signature = text.rpartition(".")
    header, _, payload = covered.partition(".")
    flips = []
    for i in range(len(bench.decode(signature))):
        raw = bytearray(bench.decode(signature))
        raw[i] ^= 1 << i % 8
        flips.append(line(f"{covered}.{encode(bytes(raw))}", public_jwk(key)))
    flips.append(line(f"{header}.{encode(b'{ }')}.{signature}", public_jwk(key)))
    assert answers(line(text, public_jwk(key)), *flips) == [ACCEPT] + [reject("signature_invalid")] * len(flips)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_no_key_serves_another_algorithm(keys, alg):
    """Every algorithm against the keys of all kinds: only its own kind is even tried."""
    kind = ALGORITHMS[alg][0]
    text = token(alg, keys[kind])
    lines = [line(text, public_jwk(key)) for other, key in keys.items() if other != kind]
    assert {answer["reason"] for answer in answers(*lines)} <= {"key_unknown", "signature_invalid"}
    assert all(answer["verdict"] == "reject" for answer in answers(*lines))


@pytest.mark.parametrize("jwks", [
    None, [], "x", 1, {}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": [1, None, [], "x", {}]},
    {"keys": [{"kty": "oct", "k": "AAAA"}]}, {"keys": [{}] * 1001},
], ids=lambda jwks: json.dumps(jwks)[:24])
def test_no_usable_key_is_key_unknown(key, jwks):
    text = json.dumps({"jws": token("ES256", key), "jwks": jwks}).encode()
    assert answers(text, json.dumps({"jws": token("ES256", key)}).encode()) == [reject("key_unknown")] * 2


HOSTILE = {
    "empty": b"",
    "spaces": b"   ",
    "carriage return": b"\r",
    "NUL": b"\0",
    "NULs": b"\0" * 1000,
    "NUL after the object": b'{"jws":"a.b.c","jwks":{"keys":[]}}\0',
    "not JSON": b"hello",
    "cut": b'{"jws":"a.b',
    "two objects": b'{"jws":"a.b.c"}{"jws":"a.b.c"}',
    "an array": b'["a.b.c"]',
    "a string": b'"a.b.c"',
    "null": b"null",
    "number": b"1e999",
    "no jws": b'{"jwks":{"keys":[]}}',
    "jws null": b'{"jws":null,"jwks":{"keys":[]}}',
    "jws a number": b'{"jws":1,"jwks":{"keys":[]}}',
    "jws an object": b'{"jws":{"payload":""},"jwks":{"keys":[]}}',
    "jws empty": b'{"jws":"","jwks":{"keys":[]}}',
    "jws dots": b'{"jws":"..","jwks":{"keys":[]}}',
    "jws twice": b'{"jws":"a.b.c","jws":"a.b.c","jwks":{"keys":[]}}',
    "jws with NUL": b'{"jws":"a.b.c\\u0000","jwks":{"keys":[]}}',
    "jws with a lone surrogate": b'{"jws":"\\ud800","jwks":{"keys":[]}}',
    "not UTF-8": b'{"jws":"\xff\xfe","jwks":{"keys":[]}}',
    "byte order mark": b'\xef\xbb\xbf{"jws":"a.b.c","jwks":{"keys":[]}}',
    "deep": b'{"jws":' + b"[" * 100000,
    "deep inside": b'{"jws":"a.b.c","jwks":' + b"[" * 3000 + b"]" * 3000 + b"}",
    "a megabyte of rubbish": b"x" * (1 << 20),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_lines(key, kind):
    """Between two good lines, so that a lost or doubled answer shows."""
    good = line(token("ES256", key), public_jwk(key))
    assert answers(good, HOSTILE[kind], good) == [ACCEPT, reject("token_malformed"), ACCEPT]
    assert answers(good, HOSTILE[kind] or b" ", end=b"") == [ACCEPT, reject("token_malformed")]


def test_lines_beyond_all_limits(key):
    good = line(token("ES256", key), public_jwk(key))
    lines = (b"x" * (20 << 20), b'{"jws":"' + b"a" * (1 << 20) + b'"}', line("a." * 10000, public_jwk(key)))
    assert answers(*(text for large in lines for text in (large, good))) == [reject("token_too_large"), ACCEPT] * 3


def test_the_longest_token(key):
    length = 16 * 1024
    fill = (length - len(token("ES256", key, b""))) * 3 // 4
    text = token("ES256", key, b"x" * fill)
    assert length - 4 < len(text) <= length
    longer = token("ES256", key, b"x" * (fill + 4))
    assert answers(line(text, public_jwk(key)), line(longer, public_jwk(key))) == [ACCEPT, reject("token_too_large")]


def test_an_empty_payload_is_a_payload(key):
    assert answers(line(token("ES256", key, b""), public_jwk(key))) == [ACCEPT]


def test_a_key_set_of_the_largest_size(key):
    fill = {"kty": "oct", "k": "A" * ((1 << 20) - 1000)}
    jws = token("ES256", key)
    assert answers(line(jws, fill, public_jwk(key)), line(jws, fill, fill, public_jwk(key))) \
        == [ACCEPT, reject("key_unknown")]


def test_escapes_in_the_line_are_read(key):
    escaped = "".join(f"\\u{ord(c):04x}" for c in token("ES256", key))
    text = '{"jws":"%s","jwks":%s}' % (escaped, json.dumps({"keys": [public_jwk(key)]}))
    assert answers(text.encode(), text.encode() + b"\r") == [ACCEPT, ACCEPT]


def test_no_input_no_answer():
    assert run("verify-jws", stdin=b"").out == ""


def test_each_answer_comes_before_the_next_line(key):
    with subprocess.Popen([str(bench.TOOL), "verify-jws"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driven:
        for text, answer in ((line(token("ES256", key), public_jwk(key)), ACCEPT), (b"", reject("token_malformed")),
                             (line(token("ES256", key), public_jwk(key)), ACCEPT)):
            driven.stdin.write(text + b"\n")
            driven.stdin.flush()
            assert json.loads(driven.stdout.readline()) == answer
        driven.stdin.close()
        assert driven.stdout.read() == b""
        assert driven.wait(timeout=10) == 0


def test_many_lines_stay_in_order(key):
    good, bad = line(token("ES256", key), public_jwk(key)), line("a.b.c", public_jwk(key))
    lines = [good if i % 3 else bad for i in range(1000)]
    assert answers(*lines) == [ACCEPT if i % 3 else reject("token_malformed") for i in range(1000)]
