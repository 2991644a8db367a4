"""The binding decision: policy x shape of cnf x certificate, every cell on a live server (RFC 8705 sections 3, 6)."""

import pytest

from support.blocks import issuer, location
from support.encoding import decode, encode, with_trailing_bits
from support.expect import admitted, refused
from support.server import Host
from support.tokens import bound_to, claims, mint

COLUMNS = ("none", "request", "required")
BY_CERTIFICATE = "by certificate"

# what the token has -> the outcome under none, request, required
DECISION = {
    "no cnf": ("unbound", "unbound", "binding_missing"),
    "thumbprint": ("unchecked", BY_CERTIFICATE, BY_CERTIFICATE),
    "other method": ("binding_unsupported",) * 3,
    "nothing known": ("unchecked", "binding_unsupported", "binding_unsupported"),
    "malformed": ("unchecked", "binding_malformed", "binding_malformed"),
}


def shape(kind, label, cnf):
    return pytest.param(kind, cnf, id=label.replace(" ", "_"))


def flipped(thumbprint, byte):
    octets = bytearray(decode(thumbprint))
    octets[byte] ^= 1
    return encode(bytes(octets))


# each cnf is made from the owner's thumbprint `t`; Ellipsis: no such claim
SHAPES = [
    shape("no cnf", "absent", lambda t: ...),
    shape("thumbprint", "alone", lambda t: {"x5t#S256": t}),
    shape("thumbprint", "beside an unknown member", lambda t: {"x5t#S256": t, "note": "seen"}),
    shape("thumbprint", "beside unknown null object and array", lambda t: {"a": None, "x5t#S256": t, "b": {}, "c": []}),
    shape("thumbprint", "beside a SHA-1 thumbprint", lambda t: {"x5t": t[:27], "x5t#S256": t}),
    shape("thumbprint", "beside case variants of its name",
          lambda t: {"X5T#S256": "x", "x5t#s256": "x", "x5t#S256": t}),
    shape("thumbprint", "beside case variants of other methods", lambda t: {"JKT": "x", "Kid": "x", "x5t#S256": t}),
    *[shape("other method", f"{name} alone", lambda t, name=name, value=value: {name: value})
      for name, value in (("jkt", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"), ("kid", "k1"), ("jku", "https://x"),
                          ("jwk", {"kty": "OKP"}), ("jwe", "a.b.c.d.e"))],
    *[shape("other method", f"{name} beside the thumbprint", lambda t, name=name: {"x5t#S256": t, name: "x"})
      for name in ("jkt", "kid", "jku", "jwk", "jwe")],
    shape("other method", "jkt before the thumbprint", lambda t: {"jkt": "x", "x5t#S256": t}),
    shape("other method", "jkt null", lambda t: {"jkt": None}),
    shape("other method", "jkt null beside the thumbprint", lambda t: {"x5t#S256": t, "jkt": None}),
    shape("other method", "kid empty beside the thumbprint", lambda t: {"x5t#S256": t, "kid": ""}),
    shape("nothing known", "empty object", lambda t: {}),
    shape("nothing known", "unknown member", lambda t: {"note": "seen"}),
    shape("nothing known", "SHA-1 thumbprint only", lambda t: {"x5t": t[:27]}),
    shape("nothing known", "name in lower case", lambda t: {"x5t#s256": t}),
    shape("nothing known", "name in upper case", lambda t: {"X5T#S256": t}),
    shape("nothing known", "name without the hash", lambda t: {"x5tS256": t}),
    shape("nothing known", "name with a space", lambda t: {"x5t#S256 ": t}),
    shape("nothing known", "thumbprint one level too deep", lambda t: {"cnf": {"x5t#S256": t}}),
    shape("malformed", "cnf null", lambda t: None),
    shape("malformed", "cnf true", lambda t: True),
    shape("malformed", "cnf number", lambda t: 0),
    shape("malformed", "cnf empty string", lambda t: ""),
    shape("malformed", "cnf the thumbprint itself", lambda t: t),
    shape("malformed", "cnf empty array", lambda t: []),
    shape("malformed", "cnf array with the object", lambda t: [{"x5t#S256": t}]),
    shape("malformed", "null", lambda t: {"x5t#S256": None}),
    shape("malformed", "false", lambda t: {"x5t#S256": False}),
    shape("malformed", "number", lambda t: {"x5t#S256": 1}),
    shape("malformed", "array", lambda t: {"x5t#S256": [t]}),
    shape("malformed", "object", lambda t: {"x5t#S256": {"x5t#S256": t}}),
    shape("malformed", "empty", lambda t: {"x5t#S256": ""}),
    shape("malformed", "padded", lambda t: {"x5t#S256": t + "="}),
    shape("malformed", "padding for the last character", lambda t: {"x5t#S256": t[:-1] + "="}),
    shape("malformed", "one character short", lambda t: {"x5t#S256": t[:-1]}),
    shape("malformed", "one character long", lambda t: {"x5t#S256": t + "A"}),
    shape("malformed", "twice", lambda t: {"x5t#S256": t + t}),
    shape("malformed", "trailing bits", lambda t: {"x5t#S256": with_trailing_bits(t)}),
    shape("malformed", "hex", lambda t: {"x5t#S256": decode(t).hex()}),
    shape("malformed", "upper hex", lambda t: {"x5t#S256": decode(t).hex().upper()}),
    shape("malformed", "illegal last character", lambda t: {"x5t#S256": t[:-1] + "!"}),
    shape("malformed", "hex with colons", lambda t: {"x5t#S256": decode(t).hex(":")}),
    shape("malformed", "space in front", lambda t: {"x5t#S256": " " + t}),
    shape("malformed", "space behind", lambda t: {"x5t#S256": t + " "}),
    shape("malformed", "space for the last character", lambda t: {"x5t#S256": t[:-1] + " "}),
    shape("malformed", "newline behind", lambda t: {"x5t#S256": t + "\n"}),
    shape("malformed", "newline inside", lambda t: {"x5t#S256": t[:21] + "\n" + t[22:]}),
    shape("malformed", "plus of the other alphabet", lambda t: {"x5t#S256": "+" + t[1:]}),
    shape("malformed", "slash of the other alphabet", lambda t: {"x5t#S256": "/" + t[1:]}),
    shape("malformed", "43 characters beyond ASCII", lambda t: {"x5t#S256": "\u00e9" + t[1:]}),
    shape("malformed", "fullwidth letter", lambda t: {"x5t#S256": t[:-1] + "\uff21"}),
    shape("malformed", "malformed beside an unknown member", lambda t: {"note": "seen", "x5t#S256": t + "="}),
]

CERTIFICATES = ["none", "owner", "thief", "renewed"]


@pytest.fixture(scope="module")
def server(launch, jwks):
    pairs = [(enforced, "off") for enforced in COLUMNS]
    pairs += [("none", "request"), ("none", "required"), ("request", "required")]
    blocks = [issuer(name(*pair), jwks, f"MTLSOAuthUseMutualTLS {pair[0]}", f"MTLSOAuthReportMutualTLS {pair[1]}")
              for pair in pairs]
    strict = 'Alias "/strict" "{root}/api"\n' + location("/strict", "MTLSOAuthUseMutualTLS required")
    return launch(hosts=[Host("".join(blocks) + location("/api") + strict)])


@pytest.fixture
def ask(server, connect, pki, key):
    """One request with a token of the issuer with these policies."""
    def send(cnf, certificate, enforced, report="off", path="/api/secret.txt"):
        token = mint(key, claims(name(enforced, report), cnf=cnf(pki.owner.thumbprint)))
        return connect(server, shown(pki, certificate)).request(path, token)
    return send


def name(enforced, report="off"):
    return f"https://{enforced}-{report}.example.test"


def shown(pki, certificate):
    return None if certificate == "none" else getattr(pki, certificate)


def outcome(kind, policy, certificate):
    """The cell: a refusal code, or the binding of an admitted request."""
    cell = DECISION[kind][COLUMNS.index(policy)]
    if cell != BY_CERTIFICATE:
        return cell
    return {"none": "certificate_missing", "owner": "bound"}.get(certificate, "certificate_mismatch")


def judge(answer, wanted):
    if wanted in ("unbound", "bound", "unchecked"):
        admitted(answer, binding=wanted)
    else:
        refused(answer, wanted)


@pytest.mark.parametrize("certificate", CERTIFICATES)
@pytest.mark.parametrize("policy", COLUMNS)
@pytest.mark.parametrize("kind, cnf", SHAPES)
def test_cell(ask, kind, cnf, policy, certificate):
    """Every cell of the matrix."""
    judge(ask(cnf, certificate, policy), outcome(kind, policy, certificate))


@pytest.mark.parametrize("certificate", CERTIFICATES)
@pytest.mark.parametrize("policy", COLUMNS)
@pytest.mark.parametrize("kind, cnf", SHAPES)
def test_location_tightens_to_required(ask, kind, cnf, policy, certificate):
    """`MTLSOAuthUseMutualTLS required` in a Location makes the last column of every block's policy."""
    judge(ask(cnf, certificate, policy, path="/strict/secret.txt"), outcome(kind, "required", certificate))


@pytest.mark.parametrize("certificate", CERTIFICATES)
@pytest.mark.parametrize("enforced, report", [("none", "request"), ("none", "required"), ("request", "required")])
@pytest.mark.parametrize("kind, cnf", SHAPES)
def test_report_changes_no_answer(ask, kind, cnf, enforced, report, certificate):
    """A reported policy names what it would have refused and leaves the enforced outcome alone."""
    answer = ask(cnf, certificate, enforced, report)
    judge(answer, outcome(kind, enforced, certificate))
    would = outcome(kind, report, certificate)
    if answer.status == 200:
        assert answer.reported == (would if "_" in would else None)


@pytest.mark.parametrize("policy", COLUMNS)
@pytest.mark.parametrize("byte", [0, 15, 31])
def test_one_bit_of_the_thumbprint(ask, policy, byte):
    """All 32 bytes are compared: a thumbprint one bit away from the certificate's is another one."""
    answer = ask(lambda t: {"x5t#S256": flipped(t, byte)}, "owner", policy)
    judge(answer, "unchecked" if policy == "none" else "certificate_mismatch")


@pytest.mark.parametrize("policy", ["request", "required"])
def test_malformed_beside_other_method_is_refused(ask, policy):
    """A method unknown to this module never becomes a plain bearer token, whatever stands beside it."""
    refused(ask(lambda t: {"jkt": "x", "x5t#S256": t + "="}, "owner", policy), "binding_unsupported",
            "binding_malformed")


def test_other_method_is_refused_under_none_too(ask):
    """Under `none` only the well-formed, the unknown and the malformed are unchecked; jkt is refused (RFC 9449 7.2)."""
    refused(ask(lambda t: {"jkt": "x", "x5t#S256": t + "="}, "owner", "none"), "binding_unsupported")


@pytest.mark.parametrize("policy", ["request", "required"])
def test_untrusted_certificate_binds(server, connect, pki, key, policy):
    """RFC 8705 section 6.2: any certificate whose key the handshake proved will do."""
    token = mint(key, claims(name(policy), cnf=bound_to(pki.stranger)))
    admitted(connect(server, pki.stranger).request("/api/secret.txt", token), binding="bound")
    refused(connect(server, pki.owner).request("/api/secret.txt", token), "certificate_mismatch")


def test_binding_refusals_look_the_same(ask):
    """Only the log tells binding refusals apart."""
    answers = {
        "binding_missing": ask(lambda t: ..., "owner", "required"),
        "binding_malformed": ask(lambda t: {"x5t#S256": t + "="}, "owner", "required"),
        "binding_unsupported": ask(lambda t: {"jkt": "x"}, "owner", "required"),
        "certificate_missing": ask(lambda t: {"x5t#S256": t}, "none", "required"),
        "certificate_mismatch": ask(lambda t: {"x5t#S256": t}, "thief", "required"),
    }
    assert {code: answer.refusal for code, answer in answers.items()} == {code: code for code in answers}
    assert len({(answer.status, answer.challenge, answer.body) for answer in answers.values()}) == 1


def test_environment_of_a_bound_request(ask, pki):
    """An admitted request carries who, for whom and with which certificate."""
    answer = ask(lambda t: {"x5t#S256": t}, "owner", "required")
    seen = {header: answer.header(header) for header in (
        "X-User", "X-Issuer", "X-Subject", "X-Client-Id", "X-Scope", "X-Jti", "X-Binding", "X-Cert-Thumbprint")}
    assert seen == {"X-User": "alice", "X-Issuer": name("required"), "X-Subject": "alice", "X-Client-Id": "reports",
                    "X-Scope": "read write", "X-Jti": "token-1", "X-Binding": "bound",
                    "X-Cert-Thumbprint": pki.owner.thumbprint}
    assert answer.header("X-Auth-Type").lower() == "mtls-oauth"


def test_log_names_the_hex_mistake(ask, server):
    """A hex thumbprint is a known mistake of issuers; the log's detail says so."""
    server.new_lines()
    refused(ask(lambda t: {"x5t#S256": decode(t).hex()}, "owner", "request"), "binding_malformed")
    assert "hex" in server.refusals()[0].split(": ", 1)[1]


def test_log_names_the_report(ask, server):
    """A reported refusal is logged, so that a site finds the clients that would break."""
    server.new_lines()
    assert ask(lambda t: ..., "owner", "none", "required").reported == "binding_missing"
    told = [line for line in server.new_lines() if "reported binding_missing" in line]
    assert len(told) == 1 and "client=" in told[0] and "reports" in told[0]
