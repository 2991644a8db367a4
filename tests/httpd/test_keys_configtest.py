"""The directives of an issuer's keys at configtest: every mistake found, no network asked; each wrong line has a right twin."""

import time

import pytest

from support.blocks import location
from support.expect import admitted
from support.fake_issuer import FakeIssuer, key_set
from support.key_life import Asker, SOON, eventually, remote
from support.server import Host
from support.tokens import claims, mint

ISS = "https://alpha.example.test"


@pytest.fixture(scope="module")
def files(work, pki):
    home = work / "keys-configtest"
    home.mkdir()
    (home / "empty").write_text("")
    (home / "garbage").write_text("no PEM here")
    (home / "folder").mkdir()
    for name, certificate in {"ca": pki.authority, "owner": pki.owner, "thief": pki.thief}.items():
        (home / f"{name}.pem").write_text(certificate.pem)
        with open(certificate.key_path, encoding="ascii") as file:
            (home / f"{name}.key").write_text(file.read())
    return home


@pytest.fixture
def check(make_httpd, files):
    """Exit code and words of configtest; each server has its own state directory."""
    def run(text, main="", state=True):
        server = make_httpd()
        main = (f'MTLSOAuthStateDir "{server.directory}/state"\n' if state else "") + main
        server.configure(main.replace("{files}", str(files)), [Host((text + location("/api")).replace("{files}", str(files)))])
        return server.configtest()
    return run


def wrong(result, directive, value):
    code, words = result
    assert code != 0, words
    assert directive in words and value in words, words


def right(result):
    code, words = result
    assert code == 0, words


URLS = ["https://issuer.example.test/jwks", "https://issuer.example.test:8443/jwks?a=b", "http://127.0.0.1:9/jwks", "http://127.45.6.7/jwks",
        "http://[::1]:9/jwks", "https://[::1]/jwks", "HTTPS://issuer.example.test/jwks"]
BAD_URLS = ["http://issuer.example.test/jwks", "http://localhost/jwks", "http://128.0.0.1/jwks", "http://127.0.0.1.example.test/jwks",
            "http://0.0.0.0/jwks", "http://[::2]/jwks",
            "http://127.0.0.1@issuer.example.test/jwks", "https://user:secret@issuer.example.test/jwks", "file:///etc/keys.json",
            "ftp://issuer.example.test/jwks", "issuer.example.test/jwks", "/jwks", "https://", "https:///jwks", "http://127.0.0.1:99999/jwks"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("directive", ["MTLSOAuthJWKSURI", "MTLSOAuthMetadataURI"])
def test_url(check, directive, url):
    """https, or http to a literal of 127.0.0.0/8 or [::1]."""
    right(check(remote(ISS, f'{directive} "{url}"')))


@pytest.mark.parametrize("url", BAD_URLS)
@pytest.mark.parametrize("directive", ["MTLSOAuthJWKSURI", "MTLSOAuthMetadataURI"])
def test_bad_url(check, directive, url):
    wrong(check(remote(ISS, f'{directive} "{url}"')), directive, url)


@pytest.mark.parametrize("line", [
    'MTLSOAuthJWKSURI "https://a.example.test/"', 'MTLSOAuthMetadataURI "https://a.example.test/"', "MTLSOAuthJWKSRefresh 2h",
    "MTLSOAuthJWKSCooldown 10s", "MTLSOAuthJWKSMaxStale 48h", 'MTLSOAuthOutgoingCACertificateFile "{files}/ca.pem"',
    "MTLSOAuthOutgoingProxy http://127.0.0.1:3128", "MTLSOAuthOutgoingTimeout 3s"])
def test_twice(check, line):
    right(check(remote(ISS, line)))
    wrong(check(remote(ISS, line, line)), line.split()[0], line.split()[1].strip('"').replace("{files}/", ""))


def test_one_source(check):
    """A block has one source of keys."""
    uri, where = 'MTLSOAuthJWKSURI "https://a.example.test/jwks"', 'MTLSOAuthMetadataURI "https://a.example.test/metadata"'
    right(check(remote(ISS, uri) + remote(ISS + "/2", where)))
    code, words = check(remote(ISS, uri, where))
    assert code != 0 and "MTLSOAuthMetadataURI" in words and ISS in words, words


# a value of a directive of context S I -> whether it is right
TIMES = {
    "MTLSOAuthJWKSRefresh": {"60s": True, "60": True, "1min": True, "11h": True, "59s": False, "0": False, "1s": False, "500ms": False,
                             "-1": False, "soon": False, "1x": False},
    "MTLSOAuthJWKSCooldown": {"1s": True, "30": True, "5min": True, "0": False, "-1s": False, "often": False},
    "MTLSOAuthJWKSMaxStale": {"2h": True, "168h": True, "24h": True, "0": False, "never": False},
    "MTLSOAuthOutgoingTimeout": {"1s": True, "5": True, "30s": True, "0": False, "-5": False, "long": False},
}
TIME_ROWS = [(directive, value, good) for directive, values in TIMES.items() for value, good in values.items()]


@pytest.mark.parametrize("place", ["block", "virtual host", "main server"])
@pytest.mark.parametrize("directive, value, good", TIME_ROWS, ids=lambda value: str(value))
def test_time(check, place, directive, value, good):
    """Refresh at least 60 s, MaxStale at least twice that; a block's value, its server's or the main server's."""
    line = f"{directive} {value}"
    if place == "block":
        result = check(remote(ISS, line))
    elif place == "virtual host":
        result = check(line + "\n" + remote(ISS))
    else:
        result = check(remote(ISS), line + "\n")
    if good:
        right(result)
    else:
        wrong(result, directive, value)


@pytest.mark.parametrize("refresh, stale, good", [("60s", "120s", True), ("60s", "119s", False), ("12h", None, True), ("13h", None, False),
                                                  ("13h", "26h", True), ("2h", "3h", False), (None, "2h", True), (None, "7199s", False),
                                                  (None, "1h", False)])
def test_max_stale_follows_refresh(check, refresh, stale, good):
    """At least twice MTLSOAuthJWKSRefresh, wherever the two stand."""
    refresh_line = f"MTLSOAuthJWKSRefresh {refresh}\n" if refresh else ""
    stale_line = f"MTLSOAuthJWKSMaxStale {stale}\n" if stale else ""
    for result in (check(remote(ISS, refresh_line, stale_line)), check(stale_line + remote(ISS, refresh_line)),
                   check(remote(ISS, stale_line), refresh_line)):
        if good:
            right(result)
        else:
            assert result[0] != 0 and "MTLSOAuthJWKSMaxStale" in result[1], result[1]


FILES_GOOD = [
    ['MTLSOAuthOutgoingCACertificateFile "{files}/ca.pem"'],
    ['MTLSOAuthOutgoingCertificateFile "{files}/owner.pem"', 'MTLSOAuthOutgoingKeyFile "{files}/owner.key"'],
    ["MTLSOAuthOutgoingProxy http://127.0.0.1:3128"], ["MTLSOAuthOutgoingProxy http://proxy.example.test:3128"]]
FILES_BAD = [
    (['MTLSOAuthOutgoingCACertificateFile "{files}/absent"'], "MTLSOAuthOutgoingCACertificateFile", "absent"),
    (['MTLSOAuthOutgoingCACertificateFile "{files}/empty"'], "MTLSOAuthOutgoingCACertificateFile", "empty"),
    (['MTLSOAuthOutgoingCACertificateFile "{files}/garbage"'], "MTLSOAuthOutgoingCACertificateFile", "garbage"),
    (['MTLSOAuthOutgoingCACertificateFile "{files}/folder"'], "MTLSOAuthOutgoingCACertificateFile", "folder"),
    (['MTLSOAuthOutgoingCACertificateFile "{files}/owner.key"'], "MTLSOAuthOutgoingCACertificateFile", "owner.key"),
    (['MTLSOAuthOutgoingCertificateFile "{files}/absent"', 'MTLSOAuthOutgoingKeyFile "{files}/owner.key"'],
     "MTLSOAuthOutgoingCertificateFile", "absent"),
    (['MTLSOAuthOutgoingCertificateFile "{files}/owner.pem"', 'MTLSOAuthOutgoingKeyFile "{files}/absent"'],
     "MTLSOAuthOutgoingKeyFile", "absent"),
    (['MTLSOAuthOutgoingCertificateFile "{files}/owner.pem"', 'MTLSOAuthOutgoingKeyFile "{files}/ca.pem"'],
     "MTLSOAuthOutgoingKeyFile", "ca.pem"),
    (['MTLSOAuthOutgoingCertificateFile "{files}/owner.pem"', 'MTLSOAuthOutgoingKeyFile "{files}/thief.key"'],
     "MTLSOAuthOutgoingKeyFile", "thief.key"),
    (['MTLSOAuthOutgoingKeyFile "{files}/owner.key"'], "MTLSOAuthOutgoingCertificateFile", "MTLSOAuthOutgoingKeyFile"),
    (["MTLSOAuthOutgoingProxy proxy.example.test"], "MTLSOAuthOutgoingProxy", "proxy.example.test"),
    (["MTLSOAuthOutgoingProxy ftp://proxy.example.test"], "MTLSOAuthOutgoingProxy", "ftp://proxy.example.test"),
]


@pytest.mark.parametrize("lines", FILES_GOOD, ids=str)
def test_outgoing(check, lines):
    right(check(remote(ISS, *lines)))
    right(check("\n".join(lines) + "\n" + remote(ISS)))
    right(check(remote(ISS), "\n".join(lines) + "\n"))


@pytest.mark.parametrize("lines, directive, value", FILES_BAD, ids=str)
def test_bad_outgoing(check, lines, directive, value):
    wrong(check(remote(ISS, *lines)), directive, value)
    wrong(check("\n".join(lines) + "\n" + remote(ISS)), directive, value)


@pytest.mark.parametrize("iss", ["http://adfs.example.test/trust", "urn:issuer", "issuer", "https://a.example.test/?tenant=1",
                                 "https://a.example.test/#one"])
def test_discovery_needs_an_https_issuer(check, iss):
    """Without a key source the issuer is where the metadata is: an https URL without query or fragment (RFC 8414 section 2)."""
    right(check(remote(iss, 'MTLSOAuthJWKSURI "https://a.example.test/jwks"')))
    code, words = check(remote(iss))
    assert code != 0 and iss in words, words


def test_state_directory(check):
    """A directory or off, in the main server only, once."""
    right(check(remote(ISS), "MTLSOAuthStateDir off\n", state=False))
    wrong(check("MTLSOAuthStateDir off\n" + remote(ISS), state=False), "MTLSOAuthStateDir", "off")
    wrong(check(remote(ISS, "MTLSOAuthStateDir off"), state=False), "MTLSOAuthStateDir", "off")
    assert check(remote(ISS), "MTLSOAuthStateDir off\n")[0] != 0, "twice"


def test_nothing_waits_for_the_network(make_httpd, pki, key):
    """configtest asks nobody; a start does not wait for an issuer that hangs, and the server answers what needs no keys."""
    with_delay = FakeIssuer(pki.server)
    with_delay.hang()
    with_delay.answer("/jwks", key_set(key.jwk()))
    server = make_httpd("MTLSOAuthStateDir off\n" f'MTLSOAuthOutgoingCACertificateFile "{pki.authority.path}"\n' "MTLSOAuthOutgoingTimeout 30s\n"
                        + remote(ISS, f'MTLSOAuthJWKSURI "{with_delay.url}/jwks"') + remote(with_delay.url + "/discovered"),
                        [Host(location("/api"))])
    try:
        begin = time.monotonic()
        code, words = server.configtest()
        assert code == 0, words
        assert time.monotonic() - begin < 5
        assert with_delay.connections == 0
        begin = time.monotonic()
        server.start()
        assert time.monotonic() - begin < 5
        asker = Asker(server, pki)
        answer, took = asker.timed(None)
        assert answer.refusal == "no_token" and took < 1, (answer, took)
        assert asker.fresh(mint(key, claims("https://nobody.example.test"))).refusal == "issuer_unknown"
        with_delay.go_on()
        eventually(lambda: admitted(asker.fresh(mint(key, claims(ISS)))), SOON)
    finally:
        server.stop()
        with_delay.close()
