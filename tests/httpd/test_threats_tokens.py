"""Attacks by a token, each against a whole stand: refused as it should be, nothing behind the server hears of it, nobody is asked,
and a twin without the attacked byte passes. (docs/security.md maps attacks to tests.)"""

import hashlib
import hmac
import json
import os
import re

import pytest

from support import bad_json
from support.blocks import issuer
from support.encoding import decode, encode, with_trailing_bits
from support.keys import ALGORITHMS, Key, write_jwks
from support.threats import ISSUER, PATH, Stand
from support.tokens import AUDIENCE, bound_to, claims, mint, signed
from test_signature import ALGORITHM_VALUES, FORGED, KIDS, secrets_of

OTHER, BOUND = "https://other.example.test", "https://bound.example.test"


@pytest.fixture(scope="module")
def keys():
    """One key for each algorithm, its kid the algorithm's name."""
    return {name: Key(name, name) for name in ALGORITHMS}


@pytest.fixture(scope="module")
def stand(launch, pki, keys, work):
    """Beside good keys the issuer publishes keys for something else and keys that are none."""
    rs, es = keys["RS256"], keys["ES256"]
    odd = [rs.jwk(kid="for-ps256", alg="PS256"), es.jwk(kid="for-encryption", use="enc"), es.jwk(kid="for-deriving", key_ops=["deriveBits"]),
           es.jwk(kid="other-curve", crv="P-384"), es.jwk(kid="other-type", kty="RSA"),
           {"kty": "oct", "kid": "empty-secret", "k": ""}, {"kty": "oct", "kid": "secret", "k": encode(bytes(32)), "alg": "HS256"}]
    twin = Key("ES256", "ES256")
    file = write_jwks(work / "threats-other.json", twin.jwk())
    main = (issuer(OTHER, file, "MTLSOAuthRemoteUserSuffix @other")
            + issuer(BOUND, write_jwks(work / "threats-bound.json", es.jwk()), "MTLSOAuthUseMutualTLS required", "MTLSOAuthRemoteUserSuffix @bound"))
    made = Stand(launch, pki, [*(key.jwk() for key in keys.values()), *odd], main=main)
    made.of_other = twin
    yield made.ready(mint(es, claims(ISSUER)))
    made.close()


@pytest.fixture(scope="module")
def tokens(stand, keys):
    return Tokens(keys, stand)


class Tokens:
    """Tokens that are equal but for what is asked for: the same identity, the same times."""

    def __init__(self, keys, stand):
        self.keys, self.stand = keys, stand
        self._said = claims(ISSUER, exp=int(claims(ISSUER)["iat"]) + 3600)

    def claims(self, **changes):
        return {name: value for name, value in {**self._said, **changes}.items() if value is not ...}

    def __call__(self, alg="ES256", header=None, signature=None, payload=None, by=None, **changes):
        """`signature` replaces the good one, `payload` are raw bytes, `by` is another key."""
        token = mint(by or self.keys[alg], self.claims(**changes) if payload is None else payload, header)
        return token if signature is None else f'{token.rsplit(".", 1)[0]}.{signature}'

    def spelled(self, spoil=lambda head, body: (head, body)):
        """A good signature over segments that are spelled otherwise; both have bits to spare."""
        def segment(value):
            octets = json.dumps(value).encode()
            return encode(octets if len(octets) % 3 else octets + b" ")
        return signed(self.keys["ES256"], *spoil(segment({"alg": "ES256", "kid": "ES256"}), segment(self.claims())))

    def raw(self, **texts):
        """Claims as JSON text."""
        said = self.claims(**{name: ... for name in texts})
        return self(payload=(json.dumps(said)[:-1] + "".join(f', "{name}": {text}' for name, text in texts.items()) + "}").encode())


@pytest.fixture
def try_out(stand):
    """The twin passes, before the attack and after it; the attack does not."""
    def both(twin, attack, *codes, user="alice", **request):
        stand.untouched(twin, user=user, **request)
        answer = stand.attacked(*codes, token=attack, **request)
        stand.untouched(twin, user=user, **request)
        return answer
    return both


# ---- Signature and key ----

@pytest.mark.parametrize("value", ALGORITHM_VALUES, ids=repr)
def test_algorithm(tokens, try_out, value):
    """CVE-2015-9235's class: no spelling of none, and nothing else that is no algorithm, makes a signature needless."""
    for signature in (None, ""):
        try_out(tokens(), tokens(header={"alg": value}, signature=signature), "algorithm_not_allowed", "token_malformed")


@pytest.mark.parametrize("kid", ["RS256", "for-ps256", "empty-secret", "secret", ...], ids=str)
@pytest.mark.parametrize("secret", range(8))
def test_secret_of_a_public_key(tokens, try_out, keys, kid, secret):
    """Algorithm confusion: HMAC keyed with what an attacker knows (CVE-2026-39999 of APISIX, CVE-2026-34950 of fast-jwt), or with
    nothing, where a JWK has no alg (CVE-2026-44699 of LibJWT)."""
    head, body = tokens("RS256", header={"alg": "HS256", "kid": kid}).split(".")[:2]
    for known in (secrets_of(keys["RS256"])[secret], b" " + secrets_of(keys["RS256"])[secret]):
        mac = hmac.new(known, f"{head}.{body}".encode(), hashlib.sha256).digest()
        try_out(tokens("RS256"), f"{head}.{body}.{encode(mac)}", "algorithm_not_allowed")


@pytest.mark.parametrize("kid, alg, codes", [
    ("for-ps256", "RS256", ["algorithm_not_allowed"]), ("for-encryption", "ES256", ["algorithm_not_allowed", "key_unknown"]),
    ("for-deriving", "ES256", ["algorithm_not_allowed", "key_unknown"]), ("other-curve", "ES256", ["key_unknown"]),
    ("other-type", "ES256", ["key_unknown"]), ("ES384", "ES256", ["algorithm_not_allowed"]), ("RS256", "ES256", ["algorithm_not_allowed"])])
def test_key_for_something_else(tokens, try_out, kid, alg, codes):
    """RFC 7517 sections 4.1 to 4.4: the JWK says what its key is for, the token does not."""
    try_out(tokens(alg), tokens(alg, header={"kid": kid}), *codes)


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
@pytest.mark.parametrize("kid, code", [("ES256", "signature_invalid"), ("mallory", "key_unknown")])
def test_key_of_the_token(tokens, try_out, stand, pki, member, kid, code):
    """RFC 8725 section 3.10: the attacker's key in the header, or where to fetch it: not used, and nobody is asked."""
    attacker = Key("ES256", kid)
    url = f"{stand.trap.url}/keys"
    value = {"jwk": attacker.jwk(), "jku": url, "x5u": url, "x5c": [pki.thief.pem], "x5t": "A" * 27, "x5t#S256": pki.thief.thumbprint}[member]
    try_out(tokens(header={member: value}), tokens(by=attacker, header={member: value}), code)


@pytest.mark.parametrize("kid", [*KIDS, "\u0000", "/jwks", "//127.0.0.1/", "?x=1", "#x"], ids=lambda kid: ascii(kid[:20]))
def test_kid(tokens, try_out, stand, kid):
    """A kid is compared and no more: no path, no query, no pattern, no line of the log."""
    stand.server.new_lines()
    try_out(tokens(), tokens(header={"kid": kid}), "key_unknown", "token_malformed")
    line, = stand.server.refusals()
    assert re.fullmatch(r"[\x20-\x7e]{1,2500}", line), line


@pytest.mark.parametrize("kid", [1, None, ["ES256"], {}], ids=repr)
def test_kid_of_another_type(tokens, try_out, kid):
    try_out(tokens(), tokens(header={"kid": kid}), "token_malformed")


@pytest.mark.parametrize("header", [
    {"crit": ["exp"], "exp": 1}, {"crit": ["x"], "x": 1}, {"crit": []}, {"crit": "exp"}, {"crit": {}}, {"crit": None}, {"crit": ["alg"]},
    {"crit": ["b64"], "b64": False}, {"b64": False}], ids=json.dumps)
def test_critical_header(tokens, try_out, header):
    """RFC 7515 section 4.1.11, RFC 7797: what the issuer calls critical and is not known here refuses (CVE-2026-32597 of PyJWT,
    CVE-2025-59420 of Authlib)."""
    twin = {name: value for name, value in header.items() if name not in ("crit", "b64")}
    try_out(tokens(header=twin), tokens(header=header), "critical_header")


@pytest.mark.parametrize("name, make", FORGED.values(), ids=FORGED)
def test_forged_signature(tokens, try_out, keys, name, make):
    """Psychic signatures (CVE-2022-21449), DER, S + L, other paddings, salts and digests."""
    head, body, good = tokens(name).split(".")
    forged = make(keys[name].private, f"{head}.{body}".encode(), decode(good))
    # an ECDSA signature differs each time: the attack is made of its twin's
    try_out(f"{head}.{body}.{good}", f"{head}.{body}.{encode(forged)}", "signature_invalid", "token_malformed")


@pytest.mark.parametrize("name, sizes", [("ES256", (63, 65, 0, 128)), ("ES384", (95, 97)), ("ES512", (131, 133)), ("RS256", (255, 257)),
                                         ("Ed25519", (63, 65)), ("Ed448", (113, 115))])
def test_length_of_a_signature(tokens, try_out, name, sizes):
    head, body, good = tokens(name).split(".")
    for size in sizes:
        wrong = (decode(good) + bytes(size))[:size]
        try_out(f"{head}.{body}.{good}", f"{head}.{body}.{encode(wrong)}", "signature_invalid", "token_malformed")


@pytest.mark.parametrize("where", ["header", "payload", "signature"])
@pytest.mark.parametrize("spoil", [
    with_trailing_bits, lambda text: text + "=", lambda text: text + "==", lambda text: text[:8] + "+" + text[9:],
    lambda text: text[:8] + "/" + text[9:], lambda text: text[:8] + "?" + text[9:], lambda text: text[:8] + " " + text[8:],
    lambda text: text + " ", lambda text: text[:8] + "%3D" + text[8:], lambda text: text + "A" * (1 + -len(text) % 4)],
    ids=["trailing bits", "padded", "padded twice", "plus", "slash", "question mark", "space", "space behind", "percent", "one over a group"])
def test_spelling_of_base64url(tokens, try_out, stand, where, spoil):
    """RFC 7515 section 2: a segment has one spelling. The wrong one is signed where that is possible."""
    twin = tokens.spelled()
    if where == "signature":
        head, body, signature = twin.split(".")
        wrong = spoil(signature)
        attack = f"{head}.{body}.{wrong}"
        if wrong.strip() == signature:
            # white space behind a field is none of it (RFC 9110 section 5.5)
            stand.untouched(attack)
            return
    else:
        attack = tokens.spelled(lambda head, body: (spoil(head), body) if where == "header" else (head, spoil(body)))
    try_out(twin, attack, "token_malformed", "signature_invalid")


@pytest.mark.parametrize("make", [
    lambda token: token.split(".")[0], lambda token: ".".join(token.split(".")[:2]), lambda token: token + ".", lambda token: token + ".x",
    lambda token: token + ".x.y", lambda token: "." + token, lambda token: token.replace(".", "..", 1), lambda token: "." * 16000,
    lambda token: "." * 100_000], ids=["1", "2", "4, empty", "4", "5", "in front", "inside", "16,000 dots", "100,000 dots"])
def test_segments(tokens, try_out, make):
    """RFC 7515 section 7.1: three segments. CVE-2025-27144 of go-jose: many cost nothing."""
    try_out(tokens(), make(tokens()), "token_malformed", "token_too_large")


def test_encrypted(tokens, try_out):
    """CVE-2023-37464 of cjose, tags of any length accepted: here nothing is ever decrypted."""
    head = encode(json.dumps({"alg": "dir", "enc": "A256GCM", "kid": "secret"}).encode())
    for tag in (0, 1, 15, 16):
        try_out(tokens(), ".".join([head, "", encode(bytes(12)), encode(bytes(40)), encode(bytes(tag))]), "token_malformed")


def test_other_serializations(tokens, try_out):
    """RFC 7515 section 7.2, flattened and general; RFC 7519 section 5.2, a token inside a token."""
    head, body, signature = tokens().split(".")
    flat = {"protected": head, "signature": signature}
    for said in ({"payload": body, **flat}, {"payload": body, "signatures": [flat]}):
        text = json.dumps(said, separators=(",", ":"))
        # a comma is what separates two credentials
        try_out(tokens(), text, "token_repeated")
        try_out(tokens(), encode(text.encode()), "token_malformed")
    try_out(tokens(), tokens(payload=tokens().encode(), header={"cty": "JWT"}), "claims_malformed", "token_malformed")


@pytest.mark.parametrize("typ", ["id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "", 1, None], ids=repr)
def test_type(tokens, try_out, typ):
    """RFC 8725 section 3.11: a JWT that was made for something else."""
    try_out(tokens(header={"typ": "at+jwt"}), tokens(header={"typ": typ}), "type_not_allowed", "token_malformed")


@pytest.mark.parametrize("changes", [{"events": {}}, {"at_hash": "x"}, {"c_hash": "x"}, {"typ": "ID"}, {"typ": "Refresh"}], ids=json.dumps)
def test_token_of_another_kind(tokens, try_out, changes):
    """ID, refresh and logout tokens by their claims."""
    try_out(tokens(header={"typ": "JWT"}), tokens(header={"typ": "JWT"}, **changes), "type_not_allowed")


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_every_bit_of_a_token(stand, tokens, keys, alg):
    """Header, payload, signature and dots: whatever bit is another one on the wire, the token is none. (All twelve algorithms:
    tests/unit/test_jws_verify.c.)"""
    said = {name: tokens.claims()[name] for name in ("iss", "aud", "sub", "exp")}
    token = mint(keys[alg], said, {"typ": ..., "kid": alg})
    stand.untouched(token)
    for bit in range(8 * len(token)):
        octets = bytearray(token.encode())
        octets[bit // 8] ^= 1 << bit % 8
        answer, seen = stand.ask(octets.decode("latin-1"))
        assert answer.status in (400, 401) and not answer.user and not seen, (bit, octets, answer)
    stand.untouched(token)
    stand.unharmed()


def test_challenge_is_a_fixed_text(tokens, try_out):
    """Whatever kid, issuer, subject or type say, nothing of it is in WWW-Authenticate."""
    said = {try_out(tokens(), attack, *codes).all("WWW-Authenticate")[0] for attack, codes in (
        (tokens(header={"kid": 'x", error="none'}), ["key_unknown"]), (tokens(iss='a"\r\nX-Evil: 1'), ["issuer_unknown"]),
        (tokens(sub="a\r\nX-Evil: 1"), ["user_claim_malformed"]), (tokens(header={"typ": 'a", realm="b'}), ["type_not_allowed"]),
        (tokens(aud='x"y'), ["audience_mismatch"]), (tokens(exp=1), ["token_expired"]), ("a.b.c", ["token_malformed"]))}
    assert len(said) == 1, said


# ---- Claims ----

@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "nbf", "sub", "cnf", "scope", "x"])
def test_claim_twice(tokens, try_out, pki, claim):
    """Two parsers could choose differently: neither copy counts."""
    value = json.dumps({**tokens.claims(), "cnf": bound_to(pki.owner), "nbf": 1, "x": 1}[claim])
    alone = {"twin": "1"} if claim == "cnf" else {claim: value}
    for again in (claim, f"\\u{ord(claim[0]):04x}{claim[1:]}"):
        try_out(tokens.raw(**alone), tokens.raw(**{claim: f'{value}, "{again}": {value}'}), "claims_malformed")


@pytest.mark.parametrize("member", ["alg", "kid", "typ", "x"])
def test_header_twice(tokens, try_out, member):
    said = {"alg": "ES256", "kid": "ES256", "typ": "at+jwt", "x": "1"}
    text = json.dumps(said)
    try_out(tokens(header=text.encode()), tokens(header=(text[:-1] + f', "{member}": "{said[member]}"}}').encode()), "token_malformed")


@pytest.mark.parametrize("claim, text, code", [
    ("exp", '"9999999999"', "claims_malformed"), ("exp", "null", "claims_malformed"), ("exp", "0", "token_expired"),
    ("exp", "-1", "claims_malformed"), ("exp", "NaN", "claims_malformed"), ("exp", "1.5", "token_expired"), ("exp", "[]", "claims_malformed"),
    ("nbf", "9223372036854775807", "token_not_yet_valid"), ("iat", "1e308", "token_not_yet_valid"), ("nbf", '"0"', "claims_malformed")])
def test_time(tokens, try_out, claim, text, code):
    """RFC 7519 section 2: a NumericDate is a number of 0 or more, and the far end saturates."""
    twin = "9999999999" if claim == "exp" else "1"
    try_out(tokens.raw(**{claim: twin}), tokens.raw(**{claim: text}), code)


def test_no_end(tokens, try_out):
    """A token that says no end has none: refused in every profile."""
    try_out(tokens(), tokens(exp=...), "claim_missing")
    for text in ("1e308", "99999999999.5"):
        try_out(tokens.raw(exp=text), tokens.raw(exp="1.5"), "token_expired")


@pytest.mark.parametrize("aud", [..., [], "", [""], 1, None, True, {}, [[AUDIENCE]], [AUDIENCE, 1], AUDIENCE[:-1], AUDIENCE + "/", AUDIENCE.upper(),
                                 [AUDIENCE + ".evil.test"], {"aud": AUDIENCE}], ids=repr)
def test_audience(tokens, try_out, aud):
    """RFC 7519 section 4.1.3: byte for byte, in whatever form; a check that is skipped for an array, or never made, is known of others."""
    for twin in (AUDIENCE, ["urn:x", AUDIENCE]):
        try_out(tokens(aud=twin), tokens(aud=aud), "audience_mismatch", "claims_malformed")


@pytest.mark.parametrize("iss", [ISSUER + "/", ISSUER.upper(), ISSUER + ":443", ISSUER.replace("//", "//a@"), "https://\u0430s.example.test",
                                 "https://xn--s-7sb.example.test", ISSUER + "\u0000", ISSUER.replace("https", "http"), "", ..., 1, [ISSUER]], ids=ascii)
def test_issuer(tokens, try_out, iss):
    """RFC 8414 section 4, RFC 9068 section 4: byte for byte. Nobody is asked who some other issuer is."""
    try_out(tokens(), tokens(iss=iss), "issuer_unknown", "claims_malformed")


def test_unknown_issuer_is_not_asked(tokens, try_out, stand):
    """The token says where its issuer would be found."""
    try_out(tokens(), tokens(iss=stand.trap.url), "issuer_unknown")
    try_out(tokens(), tokens(iss=stand.issuer.url), "issuer_unknown")


def test_key_of_another_issuer(tokens, try_out, stand):
    """Two issuers whose keys have one kid: neither's key is tried for the other, whatever the iss says."""
    try_out(tokens(), tokens(by=stand.of_other), "signature_invalid")
    try_out(tokens(by=stand.of_other, iss=OTHER), tokens(iss=OTHER), "signature_invalid", user="alice@other")


@pytest.mark.parametrize("sub", ["a\r\nX-User: root", "a\nb", "a\u0000b", "\u0000", "\u0080", "a\u009fb", "\x7f", "\x01", "", "x" * 256, "x" * 65536,
                                 -1, 1.5, True, [], {}, None], ids=lambda value: ascii(value)[:16])
def test_subject(tokens, try_out, sub):
    """A user name is a name: no control character, no NUL, not empty, not endless."""
    try_out(tokens(), tokens(sub=sub), "user_claim_malformed", "user_claim_missing", "claims_malformed", "token_too_large")


@pytest.mark.parametrize("octets", [b"\x80", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"], ids=repr)
def test_subject_in_no_encoding(tokens, try_out, octets):
    text = json.dumps(tokens.claims()).encode()
    try_out(tokens(payload=text), tokens(payload=text.replace(b'"alice"', b'"alice' + octets + b'"')), "claims_malformed")


@pytest.mark.parametrize("label", bad_json.LABELS)
def test_json_that_is_read_in_two_ways(tokens, try_out, label):
    """Depth, NUL, encodings, comments, twins: JSON that two parsers could read differently, though it is signed."""
    good = json.dumps(tokens.claims())
    try_out(tokens(payload=good.encode()), tokens(payload=bad_json.spoilt(good)[label]), "claims_malformed", "token_malformed", "token_too_large")


def of_size(tokens, size):
    """A good token of about that many bytes, filled with members."""
    said, count = json.dumps(tokens.claims())[:-1], (size - 700) * 3 // 4 // 11
    return tokens(payload=(said + "".join(f',"m{number:05}":1' for number in range(count)) + "}").encode())


def test_many_members(tokens, try_out):
    """As many members as a token has room for are read soon, and 100,000 not at all."""
    full, more = of_size(tokens, 16_000), of_size(tokens, 2_000_000 // 20)
    assert 15_000 < len(full) <= 16_384 < 90_000 < len(more)
    try_out(full, more, "token_too_large")


# ---- Binding ----

def test_stolen_token(tokens, stand, pki):
    """RFC 8705 section 3: without the certificate, with another one, with a new one over the same key; the owner's own passes
    before and after, on a warm cache."""
    token = tokens(iss=BOUND, cnf=bound_to(pki.owner))
    for certificate, code in ((None, "certificate_missing"), (pki.thief, "certificate_mismatch"), (pki.renewed, "certificate_mismatch"),
                              (pki.stranger, "certificate_mismatch")):
        for _ in range(3):
            stand.untouched(token, pki.owner, "alice@bound", "bound")
            stand.attacked(code, token=token, certificate=certificate)


@pytest.mark.parametrize("spoil", [
    lambda cnf: ..., lambda cnf: {}, lambda cnf: None, lambda cnf: [], lambda cnf: cnf["x5t#S256"], lambda cnf: {"jkt": cnf["x5t#S256"]},
    lambda cnf: {**cnf, "jkt": cnf["x5t#S256"]}, lambda cnf: {"x5t": cnf["x5t#S256"]}, lambda cnf: {"x5t#s256": cnf["x5t#S256"]},
    lambda cnf: {"x5t#S256": cnf["x5t#S256"] + "="}, lambda cnf: {"x5t#S256": decode(cnf["x5t#S256"]).hex()}, lambda cnf: {"x5t#S256": ""},
    lambda cnf: {"x5t#S256": [cnf["x5t#S256"]]}, lambda cnf: {"x5t#S256": with_trailing_bits(cnf["x5t#S256"])}, lambda cnf: {"x5t#S256": None},
    lambda cnf: {"x5t#S256": cnf["x5t#S256"][:-1]}], ids=[
        "absent", "empty", "null", "array", "text", "jkt alone", "jkt beside", "x5t alone", "other case", "padded", "hex", "no text", "array inside",
        "trailing bits", "null inside", "one less"])
def test_downgraded_binding(tokens, stand, pki, spoil):
    """Where a binding is required nothing that is not one will do, be the certificate there or not."""
    twin, attack = (tokens(iss=BOUND, cnf=cnf) for cnf in (bound_to(pki.owner), spoil(bound_to(pki.owner))))
    for certificate in (pki.owner, None):
        stand.untouched(twin, pki.owner, "alice@bound", "bound")
        stand.attacked("binding_missing", "binding_malformed", "binding_unsupported", token=attack, certificate=certificate)


@pytest.mark.parametrize("changes", [{"jkt": "x"}, {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}], ids=json.dumps)
def test_binding_to_a_key_of_dpop(tokens, try_out, changes):
    """RFC 9449: a token that is bound to a key of DPoP is no bearer token under the default policy either."""
    try_out(tokens(), tokens(cnf=changes), "binding_unsupported")


@pytest.mark.parametrize("header", ["SSL-Client-Cert", "SSL_CLIENT_CERT", "X-SSL-Client-Cert", "X-SSL-CERT", "X-Forwarded-Client-Cert", "X-Client-Cert",
                                    "Client-Cert", "X-SSL-Client-Verify", "SSL-Client-S-DN"])
def test_certificate_of_a_header(tokens, stand, pki, header):
    """Without a trusted proxy no header is a certificate (RFC 9440 section 4)."""
    token = tokens(iss=BOUND, cnf=bound_to(pki.owner))
    body = "".join(pki.owner.pem.splitlines()[1:-1])
    for value in (pki.owner.pem.replace("\n", " ").strip(), f":{body}:", body, f"Hash={pki.owner.thumbprint}", "SUCCESS"):
        headers = ((header, value),)
        stand.attacked("certificate_missing", token=token, headers=headers)
        stand.attacked("certificate_mismatch", token=token, certificate=pki.thief, headers=headers)
        stand.untouched(token, pki.owner, "alice@bound", "bound", headers=headers)


def test_nothing_else_than_this_token(stand, tokens, keys):
    """The default of the whole list: whatever is no token reaches nobody."""
    for text in ("", "null", "undefined", "true", "[object Object]", "%s%n", "eyJ", os.urandom(40).hex(), f"Bearer {tokens()}"):
        answer, seen = stand.ask(text, path=PATH)
        assert answer.status in (400, 401) and not seen, (text, answer)
    stand.untouched(tokens())
    stand.unharmed()
