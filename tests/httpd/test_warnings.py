"""What passes configtest and is most likely a mistake: one warning each, not more, and none for a sound site."""

import re

import pytest

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.server import Host
from support.tokens import claims, mint

ALPHA, BETA = "https://alpha.example.test", "https://beta.example.test"
PATH = "/api/secret.txt"


def blocks(jwks, *lines):
    return issuer(ALPHA, jwks, *lines) + issuer(BETA, jwks, "MTLSOAuthRemoteUserSuffix @beta")


# what the site does wrong -> (its virtual hosts, words of the one warning)
SITES = {
    "AuthType without Require": (
        lambda jwks: [Host(blocks(jwks) + location("/api", require=""))], ["Require"]),
    "another Require admits without a user": (
        lambda jwks: [Host(blocks(jwks) + location(
            "/api", "<RequireAny>\nRequire ip 127.0.0.1\nRequire valid-user\n</RequireAny>", require=""))],
        ["Require"]),
    "virtual host without TLS": (
        lambda jwks: [Host(blocks(jwks) + location("/api"), name="plain.example.test", tls=False)],
        ["TLS", "plain.example.test"]),
    "same users from two issuers": (
        lambda jwks: [Host(issuer(ALPHA, jwks) + issuer(BETA, jwks) + location("/api"))],
        ["MTLSOAuthRemoteUserSuffix", ALPHA, BETA]),
    "required, never asked for": (
        lambda jwks: [Host(blocks(jwks, "MTLSOAuthUseMutualTLS required") + location("/api"),
                           name="silent.example.test", verify=None)],
        ["SSLVerifyClient"]),
    "required in a Location, never asked for": (
        lambda jwks: [Host(blocks(jwks, "MTLSOAuthUseMutualTLS none")
                           + location("/api", "MTLSOAuthUseMutualTLS required"),
                           name="silent.example.test", verify="none")], ["SSLVerifyClient"]),
}

SOUND = {
    "all well": lambda jwks: [Host(blocks(jwks) + location("/api"))],
    "nothing configured": lambda jwks: [Host(), Host(tls=False)],
    "same issuers told apart": lambda jwks: [Host(
        issuer(ALPHA, jwks, "MTLSOAuthRemoteUserClaim upn sub") + issuer(BETA, jwks, "MTLSOAuthRemoteUserSuffix @b")
        + location("/api"))],
    "two blocks of one issuer": lambda jwks: [Host(
        issuer(ALPHA, jwks, name="a", audience="urn:a") + issuer(ALPHA, jwks, name="b", audience="urn:b")
        + location("/api"))],
    "clear text allowed": lambda jwks: [Host(
        blocks(jwks, "MTLSOAuthUseMutualTLS none") + location("/api", "MTLSOAuthRequireTLS off"), tls=False)],
    "host of clear text that only redirects": lambda jwks: [
        Host(blocks(jwks) + location("/api")), Host('Redirect "/" "https://localhost/"', tls=False)],
    "asked for in a Location": lambda jwks: [Host(
        blocks(jwks) + location("/api", "SSLVerifyClient optional_no_ca"), verify=None)],
    "nothing needs a certificate": lambda jwks: [Host(
        issuer(ALPHA, jwks, "MTLSOAuthUseMutualTLS none") + location("/api"), verify=None)],
}


def visit(server, hosts, pki, key):
    """Three requests to each host with a token, three without."""
    for host in hosts:
        context = tls_context(pki.authority.path) if host.tls else None
        connection = Connection(server.port if host.tls else server.plain_port, host.name, context)
        for token in (mint(key, claims(ALPHA)), None) * 3:
            connection.request(PATH, token)
        connection.close()


def warnings(server):
    """What the module warned of, refusals aside."""
    loud = (line for line in server.lines() if "[auth_mtls_oauth:warn]" in line or "[auth_mtls_oauth:error]" in line)
    return [line for line in loud if not re.search(r"\brefused \w+ iss=", line)]


# one child, so that a warning at first use has one process to be given in
ONE_CHILD = "ServerLimit 1\nStartServers 1\nThreadsPerChild 10\nMaxRequestWorkers 10\n"


@pytest.mark.parametrize("hosts, words", SITES.values(), ids=SITES)
def test_warned_once(launch, pki, jwks, key, hosts, words):
    """One warning at start or first use, with the line to add."""
    hosts = hosts(jwks)
    server = launch(ONE_CHILD, hosts)
    visit(server, hosts, pki, key)
    told = warnings(server)
    assert len(told) == 1 and all(word in told[0] for word in words), told


@pytest.mark.parametrize("hosts", SOUND.values(), ids=SOUND)
def test_sound_site_is_quiet(launch, pki, jwks, key, hosts):
    hosts = hosts(jwks)
    server = launch(ONE_CHILD, hosts)
    visit(server, hosts, pki, key)
    assert warnings(server) == []


@pytest.mark.parametrize("site", ["virtual host without TLS", "same users from two issuers"])
def test_configtest_still_passes(make_httpd, jwks, site):
    """A warning is no error."""
    code, said = make_httpd(hosts=SITES[site][0](jwks)).configtest()
    assert (code, "Syntax OK" in said) == (0, True), said


@pytest.mark.parametrize("site", [name for name in SITES if "Require" not in name])
def test_dump_has_the_warnings(make_httpd, jwks, site):
    """`httpd -t -D DUMP_MTLS_OAUTH` prints every warning too."""
    hosts, words = SITES[site]
    code, said = make_httpd(hosts=hosts(jwks)).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and all(word in said for word in words), said
