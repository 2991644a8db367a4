"""Finishing, as `httpd -t -D DUMP_MTLS_OAUTH` shows it: (main default, virtual host default, block) -> policy."""

import itertools
import os
import re
import time

import pytest

from support.blocks import issuer, location
from support.clock import ClockedHttpd
from support.fake_issuer import FakeIssuer, document, key_set
from support.key_life import eventually, outgoing, remote
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
    for line in said.partition("\nwatched files")[0].splitlines():
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


def told(server):
    """All of the dump."""
    code, said = server.configtest("DUMP_MTLS_OAUTH")
    assert code == 0, said
    return said


def test_files_with_their_age(make_httpd, work, key, jwks):
    """How many keys the files hold, and when each file changed: the last one first."""
    old, new = work / "old.pem", work / "new.pem"
    for path, days in ((old, 9), (new, 3)):
        path.write_text(key.public_pem())
        os.utime(path, (time.time() - days * 86400,) * 2)
    said = told(make_httpd(issuer("urn:a", jwks, f"MTLSOAuthPublicKeyFile {old} kid=x", f"MTLSOAuthPublicKeyFile {new} kid=y")))
    assert "    # keys: 3\n    # key kid=k1 alg=ES256 thumbprint=" in said
    listed = said[said.index("\nwatched files: 3, "):said.index("\nwarnings: ")]
    row = r"  [-\d]{10}T[:\d]{8}Z +(\S+ \S+) ago  (MTLSOAuth\w+) (\S+)\n"
    assert re.findall(row, listed)[1:] == [("3 d", "MTLSOAuthPublicKeyFile", str(new)), ("9 d", "MTLSOAuthPublicKeyFile", str(old))]
    assert re.findall(row, listed)[0][1:] == ("MTLSOAuthJWKSFile", str(jwks))


def test_clock_is_shown(make_httpd, jwks):
    """The first lines: what this is, what time it is here, how many warnings to look for."""
    before = int(time.time())
    first = told(make_httpd(hosts=[Host(issuer("urn:a", jwks) + location("/api", require=""))])).splitlines()
    stamp = time.mktime(time.strptime(re.match(r"clock: (\S+Z)", first[1])[1] + " UTC", "%Y-%m-%dT%H:%M:%SZ %Z")) - time.timezone
    assert first[0].startswith("mod_auth_mtls_oauth ") and before <= stamp <= time.time() and first[2] == "warnings: 1, at the end"


def test_hosts_in_their_order(make_httpd, jwks):
    said = told(make_httpd(issuer("urn:a", jwks), [Host(issuer("urn:b", jwks), name=f"{name}.example.test") for name in "cab"]))
    assert re.findall(r"^virtual host (\w)\.example\.test", said.partition("\nwatched files")[0], flags=re.M) == ["c", "a", "b"]


class Remote:
    """A server with one issuer far away, whose metadata names its endpoints, and a directory for state."""

    iss = "https://dump.example.test"

    def __init__(self, launch, pki, directory, key, mtls=False):
        self.directory = directory
        self.fake = FakeIssuer(pki.server)
        url = self.fake.url
        self.fake.answer("/jwks", key_set(key.jwk()))
        self.fake.answer("/metadata", document({
            "issuer": self.iss, "jwks_uri": f"{url}/jwks", "introspection_endpoint": f"{url}/introspect",
            "mtls_endpoint_aliases": {"introspection_endpoint": f"{url}/mtls/introspect"}}))
        secret = directory.with_suffix(".secret")
        secret.write_text("the secret of the dump\n")
        secret.chmod(0o600)
        asked = ((f"MTLSOAuthOutgoingCertificateFile {pki.owner.path}", f"MTLSOAuthOutgoingKeyFile {pki.owner.key_path}") if mtls
                 else (f"MTLSOAuthIntrospectionClientSecretFile {secret}",))
        self.text = outgoing(pki, directory) + remote(
            self.iss, f'MTLSOAuthMetadataURI "{url}/metadata"', "MTLSOAuthIntrospectJWT on", "MTLSOAuthIntrospectionClientID us", *asked)
        self.start = lambda: launch(self.text)

    def has_state(self):
        """Whether a server has kept its keys."""
        assert self.directory.exists() and any(len(path.name) == 64 for path in self.directory.iterdir())

    def leave_state(self):
        """Has a server run that fetched the keys and ended."""
        running = self.start()
        eventually(self.has_state)
        running.stop()
        self.fake.close()


@pytest.mark.parametrize("mtls, endpoint", [(False, "/introspect"), (True, "/mtls/introspect")])
def test_fetched_keys(launch, make_httpd, pki, work, key, mtls, endpoint):
    """What the state directory holds: how many keys, how old, until when they are good. Looking makes nothing."""
    far = Remote(launch, pki, work / f"dump-state-{mtls}", key, mtls)
    server = make_httpd(far.text)
    assert "# keys: not known: no server has kept anything there yet\n" in told(server) and not far.directory.exists()
    far.leave_state()
    before = sorted((path.name, path.stat().st_mtime_ns) for path in far.directory.iterdir())
    said = told(server)
    assert f"    # keys: at {far.fake.url}/jwks, as the metadata says\n" in said
    assert re.search(r"    # keys: 1, fetched [-\d]{10}T[:\d]{8}Z \(\d+ s ago\), good until \S+Z \(in 2[34] h\)\n    # key kid=k1 ", said), said
    assert f"    # introspection: at {far.fake.url}{endpoint}, as the metadata says\n" in said
    assert sorted((path.name, path.stat().st_mtime_ns) for path in far.directory.iterdir()) == before


def test_old_keys(launch, pki, work, key):
    """Keys that should have been fetched anew, keys that are not used any more, and keys from the future are told apart."""
    far = Remote(launch, pki, work / "dump-old", key)
    far.leave_state()
    place = work / "dump-clock"
    place.mkdir(mode=0o755)
    server = ClockedHttpd(place, pki, far.text)
    said = told(server)
    assert "OVERDUE" not in said and "TOO OLD" not in said and "warnings: 0" in said
    server.set_clock(2 * 3600)
    assert "and OVERDUE: no server runs, or it cannot fetch them" in told(server)
    server.set_clock(25 * 3600)
    said = told(server)
    assert "TOO OLD since" in said and "every token ends as keys_unavailable" in said and "OVERDUE" not in said


def test_keys_from_the_future(pki, work, key):
    """A clock that has been set back since keys were fetched."""
    place = work / "dump-future"
    place.mkdir(mode=0o755)
    server = None

    def launch(text):
        nonlocal server
        server = ClockedHttpd(place, pki, text, ahead=7200)
        return server.start()
    far = Remote(launch, pki, work / "dump-future-state", key)
    far.leave_state()
    assert "warnings: 0" in told(server)
    server.set_clock(0)
    said = told(server)
    assert "# keys: not known: it is from the future\n" in said
    assert "warning: the clock of this machine says" in said and f"and the keys of {far.iss} were fetched at" in said, said
