"""Finishing, as `httpd -t -D DUMP_MTLS_OAUTH` shows it: (main default, virtual host default, block) -> policy."""

import itertools
import re

import pytest

from support.blocks import issuer
from support.server import Host

ALL_ALGORITHMS = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 Ed448"

# directive, its default as the dump has it (None: no line), then a value each for main server, virtual host and block;
# rows that repeat the default tell "said" from "unset"
ROWS = [
    ("MTLSOAuthUseMutualTLS", "request", "none", "required", "request"),
    ("MTLSOAuthUseMutualTLS", "request", "required", "request", "none"),
    ("MTLSOAuthReportMutualTLS", "off", "request", "required", "off"),
    ("MTLSOAuthReportMutualTLS", "off", "required", "off", "request"),
    ("MTLSOAuthProfile", "jwt", "rfc9068", "jwt", "rfc9068"),
    ("MTLSOAuthProfile", "jwt", "jwt", "rfc9068", "jwt"),
    ("MTLSOAuthAlgorithms", ALL_ALGORITHMS, "RS256", "ES256 Ed448", "PS512"),
    ("MTLSOAuthClockSkew", "30s", "10s", "30s", "0s"),
    ("MTLSOAuthClockSkew", "30s", "0s", "300s", "30s"),
    ("MTLSOAuthMaxTokenLifetime", "off", "3600s", "off", "900s"),
    ("MTLSOAuthMaxTokenLifetime", "off", "off", "60s", "off"),
    ("MTLSOAuthRemoteUserClaim", "sub", "upn", "sub", "person.name email"),
    ("MTLSOAuthRemoteUserSuffix", '""', '"@main"', '"@host"', '"@block"'),
    ("MTLSOAuthClientIDClaim", "client_id azp appid cid", "azp", "cid azp", "client_id azp appid cid"),
    ("MTLSOAuthRequiredClaims", None, "jti", "iat scope", "sub"),
]


def dump(server):
    """{host: {issuer line: {directive: value}}} of the finished policies."""
    code, said = server.configtest("DUMP_MTLS_OAUTH")
    assert code == 0, said
    hosts, host, block = {}, None, None
    for line in said.splitlines():
        if opened := re.match(r"(main server|virtual host) (\S+)(.*)", line):
            # a virtual host without a word of its own has the policies of the main server
            host = hosts[opened[2]] = hosts["main.example.test"] if opened[3].endswith(", as the main server") else {}
        elif opened := re.match(r"\s+<MTLSOAuthIssuer (.*?)>", line):
            block = host[opened[1]] = {}
        elif said_so := re.match(r"    (MTLSOAuth\w+) (.*)", line):
            block.setdefault(said_so[1], []).append(said_so[2])
    return {host: {iss: {name: " | ".join(values) for name, values in block.items()} for iss, block in blocks.items()}
            for host, blocks in hosts.items()}


SILENT, SPEAKS = "silent", "speaks"


@pytest.mark.parametrize("main_server", [SILENT, SPEAKS])
@pytest.mark.parametrize("directive, default, main, host, block", ROWS, ids=lambda value: str(value).replace(" ", "_"))
def test_value(make_httpd, jwks, directive, default, main, host, block, main_server):
    """From the block, else its server, else the main server, else the default; for inherited and written blocks."""
    # only what is stricter than the policy can be reported
    open_door = "MTLSOAuthUseMutualTLS none" if directive == "MTLSOAuthReportMutualTLS" else ""

    def line(who, value):
        return f"{directive} {value}\n" if who == SPEAKS else ""

    def blocks(prefix):
        return "".join(issuer(f"{prefix}-{who}", jwks, open_door, line(who, block).strip()) for who in (SILENT, SPEAKS))

    hosts = [Host(line(who, host) + blocks("written"), name=f"{who}.example.test") for who in (SILENT, SPEAKS)]
    finished = dump(make_httpd(line(main_server, main) + blocks("inherited"),
                               [*hosts, Host(name="empty.example.test")]))
    of_main = main if main_server == SPEAKS else default
    for prefix, in_host, in_block in itertools.product(("inherited", "written"), (SILENT, SPEAKS), (SILENT, SPEAKS)):
        wanted = block if in_block == SPEAKS else host if in_host == SPEAKS else of_main
        got = finished[f"{in_host}.example.test"][f"{prefix}-{in_block}"].get(directive)
        assert got == wanted, (prefix, in_host, in_block)
    for name in ("main.example.test", "empty.example.test"):
        got = [finished[name][f"inherited-{who}"].get(directive) for who in (SILENT, SPEAKS)]
        assert got == [of_main, block]


def test_blocks(make_httpd, work, jwks, key):
    """Audiences, names and keys of a block; a block of a virtual host hides the inherited ones of its ISS alone."""
    (work / "dump.pem").write_text(key.public_pem())
    main = (issuer("urn:a", jwks, name="read", audience="urn:r") + issuer("urn:a", jwks, name="write", audience="urn:w")
            + issuer("urn:b", jwks, "MTLSOAuthAudience any", f"MTLSOAuthPublicKeyFile {work}/dump.pem kid=x alg=ES256",
                     audience=""))
    server = make_httpd(main, [Host(issuer("urn:a", jwks, name="own", audience="urn:o"), name="own.example.test"),
                               Host("MTLSOAuthClockSkew 7", name="plain.example.test")])
    finished = dump(server)
    assert {host: sorted(blocks) for host, blocks in finished.items()} == {
        "main.example.test": ["urn:a read", "urn:a write", "urn:b"], "own.example.test": ["urn:a own", "urn:b"],
        "plain.example.test": ["urn:a read", "urn:a write", "urn:b"]}
    assert finished["own.example.test"]["urn:a own"]["MTLSOAuthAudience"] == "urn:o"
    assert finished["plain.example.test"]["urn:a read"]["MTLSOAuthAudience"] == "urn:r"
    assert finished["main.example.test"]["urn:b"]["MTLSOAuthAudience"] == "any"
    assert finished["main.example.test"]["urn:b"]["MTLSOAuthJWKSFile"] == jwks
    assert finished["main.example.test"]["urn:b"]["MTLSOAuthPublicKeyFile"] == f"{work}/dump.pem kid=x alg=ES256"


def test_dump_needs_its_define(make_httpd, jwks):
    """configtest alone says that the syntax is fine, and no more."""
    code, said = make_httpd(issuer("urn:a", jwks)).configtest()
    assert (code, said) == (0, "Syntax OK\n")
