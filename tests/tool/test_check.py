"""check: every refusal code at its step, what is shown on admission, the options of the policy."""

import json
import re
import time

import bench
import pytest
from bench import (AUDIENCE, ISSUER, THEN, Authority, claims, encode, fails, field, name, private_jwk, public_jwk,
                   run, token, write_json)

NOW = 1_800_000_000
FROZEN = {"iat": NOW - 10, "exp": NOW + 600}
RFC9068 = ("--profile", "rfc9068")
FORM = "form: a signed JWT, without critical extensions"
TYPE = "type: an access token by the profile"
PRESENT = "claims that must be there"
TIME = "time: exp, nbf, iat"
BINDING = "binding to the certificate"


@pytest.fixture
def check(jwks):
    """Runs check at NOW for the usual issuer and audience."""
    def run_check(text, *options, **expected):
        return run("check", "--issuer", ISSUER, "--jwks", jwks, "--audience", AUDIENCE, "--at", NOW, *options, "-",
                   stdin=text, **expected)
    return run_check


@pytest.fixture
def made(key):
    """Makes a token that is good at NOW, except for these claims."""
    def make(payload=None, **changes):
        return token("ES256", key, claims(**{**FROZEN, **changes}) if payload is None else payload, kid="k1")
    return make


def steps(outcome):
    """The lines of the steps: (verdict, stage, what)."""
    return [tuple(re.split("  +", line)) for line in outcome.out.splitlines()
            if line.startswith(("passed ", "REFUSED ", "not reached "))]


def assert_refused(outcome, code, what):
    """Refused with that code at that step: all before passed, none after was reached; the row of the table is said."""
    assert field(outcome, "refused") == code, outcome
    verdicts = [verdict for verdict, _, _ in steps(outcome)]
    at = verdicts.index("REFUSED")
    assert steps(outcome)[at][2] == what, outcome
    assert verdicts == ["passed"] * at + ["REFUSED"] + ["not reached"] * (len(verdicts) - at - 1), outcome
    assert field(outcome, "cause") and field(outcome, "remedy"), outcome


def test_admission(check, made):
    outcome = check(made())
    assert {verdict for verdict, _, _ in steps(outcome)} == {"passed"}
    assert len(steps(outcome)) == 16
    assert (field(outcome, "user"), field(outcome, "client"), field(outcome, "binding")) \
        == ("alice", "reports", "unbound")
    assert outcome.err == ""


def test_admission_of_a_token_as_an_argument(jwks, made):
    run("check", "--issuer", ISSUER, "--jwks", jwks, "--audience", AUDIENCE, "--at", NOW, made())


# what the payload says instead -> code, step; None: admitted
PAYLOADS = {
    "not JSON": (b"prose", "claims_malformed", "claims have their types"),
    "empty object": (b"{}", "issuer_unknown", "iss is the issuer"),
    "exp a string": ({"exp": "x"}, "claims_malformed", "claims have their types"),
    "exp the smallest number": ({"exp": -2 ** 63}, "claims_malformed", "claims have their types"),
    "iat the largest number": ({"iat": 2 ** 63 - 1}, "token_not_yet_valid", TIME),
    "exp the largest number": ({"exp": 2 ** 63 - 1}, None, None),
    "exp 1e308": ({"exp": 1e308}, None, None),
    "iss another": ({"iss": ISSUER + "/"}, "issuer_unknown", "iss is the issuer"),
    "aud another": ({"aud": ["x", "y"]}, "audience_mismatch", "aud has an audience that is wanted"),
    "aud among others": ({"aud": ["x", AUDIENCE]}, None, None),
    "aud absent": ({"aud": ...}, "audience_mismatch", "aud has an audience that is wanted"),
    "an ID token": ({"at_hash": "x"}, "type_not_allowed", TYPE),
    "exp absent": ({"exp": ...}, "claim_missing", PRESENT),
    "sub absent": ({"sub": ...}, "user_claim_missing", "user name"),
    "sub empty": ({"sub": ""}, "user_claim_malformed", "user name"),
    "sub a number": ({"sub": 17}, None, None),
    "expired": ({"exp": NOW - 31}, "token_expired", TIME),
    "expired within the skew": ({"exp": NOW - 29}, None, None),
    "nbf ahead": ({"nbf": NOW + 31}, "token_not_yet_valid", TIME),
    "nbf ahead within the skew": ({"nbf": NOW + 30}, None, None),
    "cnf with jkt": ({"cnf": {"jkt": "x"}}, "binding_unsupported", BINDING),
    "cnf with hex": ({"cnf": {"x5t#S256": "ab" * 32}}, "binding_malformed", BINDING),
    "cnf without certificate": ({"cnf": {"x5t#S256": "A" * 43}}, "certificate_missing", BINDING),
}


@pytest.mark.parametrize("row", PAYLOADS)
def test_claims(check, made, row):
    said, code, what = PAYLOADS[row]
    text = made(said) if isinstance(said, bytes) else made(**said)
    outcome = check(text, code=0 if code is None else 1)
    if code is None:
        assert "\nadmitted\n" in outcome.out
    else:
        assert_refused(outcome, code, what)


# the policy, whether the token is bound, whose certificate -> binding or code
BINDINGS = [
    ("none", False, None, "unbound"), ("none", True, None, "unchecked"), ("none", True, "thief", "unchecked"),
    ("request", False, None, "unbound"), ("request", False, "owner", "unbound"), ("request", True, "owner", "bound"),
    ("request", True, None, "certificate_missing"), ("request", True, "thief", "certificate_mismatch"),
    ("required", False, None, "binding_missing"), ("required", False, "owner", "binding_missing"),
    ("required", True, "owner", "bound"), ("required", True, "thief", "certificate_mismatch"),
    ("REQUIRED", True, None, "certificate_missing"),
]


@pytest.mark.parametrize("policy, is_bound, whose, wanted", BINDINGS)
def test_binding(check, made, owner, thief, policy, is_bound, whose, wanted):
    text = made(cnf={"x5t#S256": owner.x5t}) if is_bound else made()
    certificate = ("--cert", {"owner": owner, "thief": thief}[whose].path) if whose else ()
    admitted = wanted in ("unbound", "bound", "unchecked")
    outcome = check(text, "--use-mutual-tls", policy, *certificate, code=0 if admitted else 1)
    if admitted:
        assert field(outcome, "binding") == wanted
    else:
        assert_refused(outcome, wanted, BINDING)


CHAINS = {
    "good": (lambda ca: (ca.issue(name("CN=a")), None), None),
    "good by the CRL": (lambda ca: (ca.issue(name("CN=a")), ca.crl()), None),
    "of another CA": (lambda ca: (Authority("Other").issue(name("CN=a")), None), "certificate_untrusted"),
    "no CRL in force": (lambda ca: (ca.issue(name("CN=a")), ca.crl(until=THEN)), "certificate_untrusted"),
    "expired": (lambda ca: (ca.issue(name("CN=a"), until=THEN), None), "certificate_expired"),
    "revoked": (lambda ca: (lambda certificate: (certificate, ca.crl(certificate)))(ca.issue(name("CN=a"))),
                "certificate_revoked"),
}


@pytest.mark.parametrize("row", CHAINS)
def test_binding_to_a_certificate_of_a_ca(check, made, tmp_path, row):
    make, wanted = CHAINS[row]
    authority = Authority()
    certificate, crl = make(authority)
    (tmp_path / "cert").write_bytes(bench.certificate_pem(certificate))
    (tmp_path / "ca").write_bytes(bench.certificate_pem(authority.x509))
    options = ["--cert", tmp_path / "cert", "--binding-ca", tmp_path / "ca"]
    if crl:
        (tmp_path / "crl").write_bytes(crl)
        options += ["--binding-crl", tmp_path / "crl"]
    outcome = check(made(cnf={"x5t#S256": bench.x5t(certificate)}), *options, code=1 if wanted else 0)
    if wanted:
        assert_refused(outcome, wanted, BINDING)
    else:
        assert field(outcome, "binding") == "bound"


# what the header says instead -> code, step
HEADERS = {
    "alg none": ({"alg": "none"}, "algorithm_not_allowed", "alg is known"),
    "alg of another key": ({"alg": "RS256"}, "algorithm_not_allowed", "alg is allowed, and a key fits kid and alg"),
    "crit": ({"crit": ["x"]}, "critical_header", FORM),
    "kid unknown": ({"kid": "k2"}, "key_unknown", "alg is allowed, and a key fits kid and alg"),
    "kid a number": ({"kid": 1}, "token_malformed", FORM),
    "typ": ({"typ": "dpop+jwt"}, "type_not_allowed", TYPE),
}


@pytest.mark.parametrize("row", HEADERS)
def test_header(check, key, row):
    said, code, what = HEADERS[row]
    text = token("ES256", key, claims(**FROZEN), **{"kid": "k1", **said})
    assert_refused(check(text, code=1), code, what)


@pytest.mark.parametrize("change, code, what", [
    (lambda t: t[:-3] + "AAA", "signature_invalid", "signature"),
    (lambda t: t + "A" * 20000, "token_too_large", "size: at most 16 KiB"),
    (lambda t: t + ".", "token_malformed", FORM),
    (lambda t: "opaque", "token_malformed", FORM),
    (lambda t: t.replace(".", ".\0", 1), "token_malformed", FORM),
])
def test_form(check, made, change, code, what):
    assert_refused(check(change(made()), code=1), code, what)


# options -> changes of claims, code, step
OPTIONS = [
    (("--algorithms", "RS256 PS256"), {}, "algorithm_not_allowed", "alg is allowed, and a key fits kid and alg"),
    (("--algorithms", "RS256,ES256"), {}, None, None),
    (("--algorithms", "RS256", "--algorithms", "ES256"), {}, None, None),
    (("--clock-skew", "0"), {"exp": NOW}, "token_expired", TIME),
    (("--clock-skew", "0"), {"exp": NOW + 1}, None, None),
    (("--clock-skew", "300"), {"exp": NOW - 299}, None, None),
    (("--max-token-lifetime", "609"), {}, "lifetime_exceeded", "lifetime"),
    (("--max-token-lifetime", "610"), {}, None, None),
    (("--remote-user-claim", "email"), {}, "user_claim_missing", "user name"),
    (("--required-claims", "scope"), {}, "claim_missing", PRESENT),
    (("--required-claims", "scope acr"), {"scope": "x"}, "claim_missing", PRESENT),
    (("--required-claims", "a.b"), {"a": {"b": 1}}, None, None),
    (RFC9068, {}, None, None),
    (RFC9068, {"jti": ...}, "claim_missing", PRESENT),
    (RFC9068, {"sub": 17}, "claims_malformed", PRESENT),
    (("--profile", "fapi2"), {}, "binding_missing", BINDING),
]


@pytest.mark.parametrize("options, changes, code, what", OPTIONS)
def test_options(check, made, options, changes, code, what):
    outcome = check(made(**changes), *options, code=0 if code is None else 1)
    if code is None:
        assert "\nadmitted\n" in outcome.out
    else:
        assert_refused(outcome, code, what)


def test_user_and_client_claims(check, made):
    outcome = check(made(email="a@x", org={"app": "crm"}), "--remote-user-claim", "upn email", "--client-id-claim",
                    "org.app", "--remote-user-suffix", "@as")
    assert (field(outcome, "user"), field(outcome, "client")) == ("a@x@as", "crm")


def test_without_audience_any_will_do_and_that_is_said(jwks, made):
    outcome = run("check", "--issuer", ISSUER, "--jwks", jwks, "--at", NOW, made(aud="elsewhere"))
    assert field(outcome, "audience") == "any (no --audience)"


def test_several_audiences(jwks, made):
    for aud, code in (("a", 0), ("b", 0), ("c", 1)):
        run("check", "--issuer", ISSUER, "--jwks", jwks, "--at", NOW, "--audience", "a", "--audience", "b",
            made(aud=aud), code=code)


@pytest.mark.parametrize("at", [str(NOW), "2027-01-15T08:00:00Z", "2027-01-15T08:00:00.75Z"])
def test_times(check, made, jwks, at):
    outcome = run("check", "--issuer", ISSUER, "--jwks", jwks, "--at", at, made())
    assert field(outcome, "time") == "2027-01-15T08:00:00Z (--at)"


def test_now_is_the_default_time(jwks, key):
    run("check", "--issuer", ISSUER, "--jwks", jwks, token("ES256", key, claims(exp=int(time.time()) + 60), kid="k1"))
    run("check", "--issuer", ISSUER, "--jwks", jwks, token("ES256", key, claims(exp=int(time.time()) - 60), kid="k1"),
        code=1)


@pytest.mark.parametrize("options, hint", [
    *[(("--at", at), "neither seconds since 1970 nor a time") for at in (
        "", "x", "-1", "1.5", "253402300800", "99999999999999999999", "2027-01-15", "2027-01-15 08:00:00Z",
        "2027-01-15T08:00:00", "2027-01-15T08:00:00+01:00", "2027-02-29T08:00:00Z", "2027-13-01T08:00:00Z",
        "2027-01-15T24:00:00Z", "2027-01-15T08:00:60Z", "2027-1-15T08:00:00Z", "2027-01-15T08:00:00.Z",
        "1969-12-31T23:59:59Z", "2027-01-15T08:00:00Zx")],
    (("--use-mutual-tls", "off"), "--use-mutual-tls none|request|required: \"off\""),
    (("--profile", "oidc"), "--profile jwt|rfc9068|fapi2: \"oidc\""),
    (("--profile", "fapi2", "--use-mutual-tls", "request"), "weaker than MTLSOAuthProfile fapi2"),
    (("--profile", "fapi2", "--algorithms", "RS256"), "MTLSOAuthProfile fapi2 allows"),
    (("--algorithms", "HS256"), "not all of these are algorithms"),
    (("--algorithms", "es256"), "not all of these are algorithms"),
    (("--algorithms", ""), "at least one algorithm"),
    (("--clock-skew", "301"), "at most 300 seconds"),
    (("--clock-skew", "30s"), "not a whole number"),
    (("--required-claims", "a..b"), "a name in the path is empty"),
    (("--remote-user-claim", " "), "at least one claim"),
    (("--cert", "/nonexistent"), "/nonexistent: No such file"),
    (("--cert", "/dev/null"), "/dev/null: no certificate in PEM or DER"),
])
def test_mistakes(jwks, made, options, hint):
    fails("check", "--issuer", ISSUER, "--jwks", jwks, *options, made(), hint=hint)


@pytest.mark.parametrize("content, hint", [
    (b"", "no JWK Set: not JSON"), (b"{}", "no JWK Set: no array"), (b"[]", "no JWK Set: not a JSON object"),
    (b'{"keys":{}}', "no JWK Set: no array"), (b'{"keys":[],"keys":[]}', "no JWK Set: a member occurs twice"),
    (b" " * (1 << 20) + b"{}", "larger than 1048576 bytes"),
], ids=lambda value: value[:16])
def test_unusable_key_sets(tmp_path, made, content, hint):
    path = tmp_path / "jwks.json"
    path.write_bytes(content)
    fails("check", "--issuer", ISSUER, "--jwks", path, made(), hint=hint)


def test_an_empty_key_set(tmp_path, made):
    path = write_json(tmp_path / "jwks.json", {"keys": []})
    assert_refused(run("check", "--issuer", ISSUER, "--jwks", path, made(), code=1), "keys_unavailable",
                   "there are keys")


def test_a_skipped_key_is_a_warning(tmp_path, key, made):
    path = write_json(tmp_path / "jwks.json", {"keys": [
        private_jwk(key, kid="leaked"), {"kty": "oct", "k": "AAAA"}, public_jwk(key, kid="enc", use="enc"),
        public_jwk(key, kid="k1")]})
    outcome = run("check", "--issuer", ISSUER, "--jwks", path, "--at", NOW, made())
    warnings = outcome.err.splitlines()
    assert len(warnings) == 3, outcome
    assert "key 0 (kid leaked) is left out: published with its private part" in warnings[0]
    assert "key 1 (no kid) is left out: a symmetric key" in warnings[1]
    assert "key 2 (kid enc) is left out: use is not sig" in warnings[2]
    assert private_jwk(key)["d"] not in outcome.out + outcome.err


def test_a_detail_cannot_drive_the_terminal(check, key):
    text = token("ES256", key, claims(**FROZEN), kid="k1", typ="\x1b[2J\u009bx")
    outcome = check(text, code=1)
    assert "\x1b" not in outcome.out and "\u009b" not in outcome.out
    assert field(outcome, "detail").startswith("typ ?[2J?x")


def test_every_refusal_code_of_a_token_is_met_here():
    """The steps of tools/check.c name each refusal that the core can give a token; so do the tables above."""
    met = {row[1] for row in (*PAYLOADS.values(), *HEADERS.values())} | {row[3] for row in BINDINGS}
    met |= {row[2] for row in OPTIONS} | {"signature_invalid", "token_too_large", "token_malformed", "keys_unavailable"}
    page = (bench.SOURCE / "docs" / "refusals.md").read_text()
    codes = {line[4:-1] for line in page.splitlines() if line.startswith("## `")}
    met |= {row[1] for row in CHAINS.values()}
    elsewhere = {"no_token", "token_repeated", "request_malformed", "tls_required", "issuer_not_accepted",
                 "authentication_too_weak", "authentication_too_old", "scope_insufficient", "claim_denied",
                 "token_inactive", "token_revoked", "introspection_unavailable", "memory_unavailable"}
    assert {code for code in codes - met if not code.startswith(("client_", "form_"))} == elsewhere


@pytest.mark.parametrize("step", range(8))
def test_each_bit_of_a_signature_counts(check, made, step):
    text = made()
    covered, _, signature = text.rpartition(".")
    raw = bytearray(bench.decode(signature))
    raw[step * 8] ^= 1 << step
    assert_refused(check(f"{covered}.{encode(bytes(raw))}", code=1), "signature_invalid", "signature")


def test_json_of_the_key_set_may_be_pretty(tmp_path, key, made):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public_jwk(key, kid="k1")]}, indent=4))
    run("check", "--issuer", ISSUER, "--jwks", path, "--at", NOW, made())
