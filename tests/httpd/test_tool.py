"""The tool and the module are one verifier: `mtls-oauth check` says what httpd does; what it mints opens the door."""

import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from support import environment
from support.blocks import issuer, location
from support.expect import admitted
from support.server import Host
from support.tokens import AUDIENCE, bound_to, claims, mint

ISSUER = "https://tool.example.test"

# what is changed in an ordinary bound token -> the code
ROWS = {
    "bound": ({}, None), "expired": ({"exp": 1}, "token_expired"), "no exp": ({"exp": ...}, "claim_missing"),
    "other audience": ({"aud": "urn:x"}, "audience_mismatch"), "unbound": ({"cnf": ...}, "binding_missing"),
    "malformed binding": ({"cnf": []}, "binding_malformed"), "jkt": ({"cnf": {"jkt": "x"}}, "binding_unsupported"),
    "no user": ({"sub": ""}, "user_claim_malformed"), "ID token": ({"at_hash": "x"}, "type_not_allowed"),
    "audience type": ({"aud": [1]}, "claims_malformed"),
}


def tool(*words, **settings):
    return subprocess.run([environment.TOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30, check=False,
                          **settings)


@pytest.fixture(scope="module")
def server(launch, jwks):
    return launch(hosts=[Host(issuer(ISSUER, jwks, "MTLSOAuthUseMutualTLS required") + location("/api"))])


@pytest.fixture(autouse=True)
def needs_the_tool():
    if not environment.TOOL.exists():
        pytest.skip(f"{environment.TOOL} is not built")


@pytest.mark.parametrize("changes, code", ROWS.values(), ids=ROWS)
def test_same_verdict(server, connect, pki, key, jwks, changes, code):
    token = mint(key, claims(ISSUER, **{"cnf": bound_to(pki.owner), **changes}))
    check = ["check", "--issuer", ISSUER, "--jwks", jwks, "--audience", AUDIENCE, "--use-mutual-tls", "required", "-"]
    for certificate, shown in ((pki.owner, code), (pki.thief, code or "certificate_mismatch"),
                               (None, code or "certificate_missing")):
        seen = tool(*check[:-1], *(["--cert", certificate.path] if certificate else []), "-", input=token)
        answer = connect(server, certificate).request("/api/secret.txt", token)
        assert (answer.refusal, seen.returncode) == (shown, 1 if shown else 0), (answer, seen.stdout)
        assert shown is None or shown in seen.stdout


def test_minted_token(server, connect, pki, key, work):
    """A token made for a certificate opens the door to it, and to no other."""
    pem = work / "issuer.key"
    pem.write_bytes(key.private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                              serialization.NoEncryption()))
    made = tool("mint", "--key", pem, "--kid", key.kid, "--issuer", ISSUER, "--audience", AUDIENCE, "--subject",
                "alice", "--cert", pki.owner.path)
    assert made.returncode == 0, made.stdout
    admitted(connect(server, pki.owner).request("/api/secret.txt", made.stdout.strip()), binding="bound")
    assert connect(server, pki.thief).request("/api/secret.txt", made.stdout.strip()).refusal == "certificate_mismatch"
