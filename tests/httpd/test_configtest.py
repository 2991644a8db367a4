"""`httpd -t` finds every mistake and names directive, value and remedy; each wrong line has a right twin."""

import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support import environment
from support.keys import Key, write_jwks
from support.server import Host

ISS = "https://alpha.example.test"


@pytest.fixture(scope="module")
def files(work, pki, key):
    """The files the lines name, good and bad."""
    home = work / "configtest"
    home.mkdir()
    write_jwks(home / "good.json", key.jwk())
    (home / "empty").write_text("")
    (home / "text").write_text("no keys here")
    (home / "array.json").write_text("[]")
    (home / "no-keys.json").write_text('{"key": []}')
    write_jwks(home / "none.json")
    write_jwks(home / "oct.json", {"kty": "oct", "k": "AAAA"})
    (home / "huge.json").write_text('{"keys": [' + " " * 1100000 + "]}")
    write_jwks(home / "many.json", *[key.jwk(kid=str(number)) for number in range(1001)])
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    (home / "included.conf").write_text("MTLSOAuthAudience urn:api\n")
    (home / "private.pem").write_text(Path(pki.owner.key_path).read_text())
    (home / "ec.pem").write_text(key.public_pem())
    (home / "rsa.pem").write_text(Key("RS256").public_pem())
    (home / "cert.pem").write_text(pki.owner.pem)
    small = rsa.generate_private_key(65537, 1024).public_key()
    (home / "small.pem").write_bytes(small.public_bytes(serialization.Encoding.PEM,
                                                        serialization.PublicFormat.SubjectPublicKeyInfo))
    return home


@pytest.fixture
def check(make_httpd, files):
    """Exit code and words of configtest with this text in a virtual host."""
    def run(text, main="", verify="optional_no_ca"):
        server = make_httpd(main.replace("{files}", str(files)),
                            [Host(text.replace("{files}", str(files)), verify=verify)])
        return server.configtest()
    return run


def block(*lines, iss=ISS, name="", audience="urn:api", jwks="{files}/good.json"):
    said = [f"<MTLSOAuthIssuer {iss}{' ' + name if name else ''}>", f"MTLSOAuthAudience {audience}" if audience else "",
            f"MTLSOAuthJWKSFile {jwks}" if jwks else "", *lines, "</MTLSOAuthIssuer>"]
    return "\n".join(line for line in said if line) + "\n"


def at(place, line):
    """A configuration that is right but for `line`, which stands in a block, on the server or in a Location."""
    guarded = '<Location "/api">\nAuthType mTLS-OAuth\nRequire valid-user\n%s</Location>\n'
    if place == "block":
        return block(line) + guarded % ""
    if place == "source":
        return block(line, jwks="") + guarded % ""
    if place == "server":
        return line + "\n" + block() + guarded % ""
    return block() + guarded % (line + "\n")


def rows(place, directive, *values):
    """One row for each value; a value is what follows the directive, the words looked for are directive and value."""
    return [pytest.param(at(place, f"{directive} {value}".rstrip()), directive, value,
                         id=f"{place}-{directive}-{value[:30]}".replace("/", "_"))
            for value in values]


WRONG = [
    *rows("block", "MTLSOAuthUseMutualTLS", "optional", "on", "yes", "", "required request", '""'),
    *rows("server", "MTLSOAuthUseMutualTLS", "optional", ""),
    *rows("location", "MTLSOAuthUseMutualTLS", "none", "request", "optional", ""),
    *rows("block", "MTLSOAuthReportMutualTLS", "none", "on", "optional", ""),
    *rows("server", "MTLSOAuthReportMutualTLS", "always"),
    *rows("source", "MTLSOAuthJWKSFile", "{files}/absent.json", "{files}/empty", "{files}/text", "{files}/array.json",
          "{files}/no-keys.json", "{files}/none.json", "{files}/oct.json", "{files}/huge.json", "{files}/many.json",
          "{files}/folder", "{files}/pipe", ""),
    *rows("source", "MTLSOAuthPublicKeyFile", "{files}/absent.pem", "{files}/empty", "{files}/text",
          "{files}/good.json", "{files}/folder", "{files}/small.pem", "{files}/private.pem", "{files}/ec.pem alg=RS256",
          "{files}/ec.pem alg=HS256", "{files}/ec.pem alg=none", "{files}/rsa.pem alg=ES256", "{files}/ec.pem alg=",
          "{files}/ec.pem kid=", "{files}/ec.pem colour=red", "{files}/ec.pem k1", "{files}/ec.pem kid=a kid=b",
          "{files}/ec.pem alg=ES256 alg=ES256", ""),
    *rows("block", "MTLSOAuthAlgorithms", "none", "HS256", "RS256 HS512", "RS257", "rs256", "RS256,ES256", ""),
    *rows("server", "MTLSOAuthAlgorithms", "none", "A128KW"),
    *rows("block", "MTLSOAuthProfile", "oidc", "RFC 9068", "fapi3", ""),
    *rows("block", "MTLSOAuthClockSkew", "301", "301s", "6min", "1h", "-1", "soon", "30parsec", ""),
    *rows("server", "MTLSOAuthClockSkew", "301", "soon"),
    *rows("block", "MTLSOAuthMaxTokenLifetime", "never", "-1h", "0", "1fortnight", ""),
    *rows("block", "MTLSOAuthRemoteUserClaim", "", '""', "a..b", ".a", "a.", "sub a..b", '"a\\\\"'),
    *rows("block", "MTLSOAuthClientIDClaim", "", '""', "a..b", ".a"),
    *rows("block", "MTLSOAuthRequiredClaims", "", '""', "a..b", "a."),
    *rows("location", "MTLSOAuthAudience", "", '""', "any urn:x", "urn:x any"),
    *rows("location", "MTLSOAuthAcceptIssuers", "https://nobody.example.test", "", f"{ISS} nobody", f"{ISS}/", '""'),
    *rows("location", "MTLSOAuthTokenSource", "query", "body", "form", "cookie", "cookie:", "cookie:a=b", "cookie:a;b",
          '"cookie:a b"', "header query", "header header", "cookie:a cookie:a", "Cookie", ""),
    *rows("location", "MTLSOAuthRequireTLS", "maybe", ""),
    *rows("server", "MTLSOAuthTokenCache", "0", "-1", "20k", "1000001", "99999999999999999999", "many", '""', ""),
    *rows("block", "MTLSOAuthTokenCache", "10"),
    *[pytest.param(block(f"MTLSOAuthAudience {value}", audience=""), "MTLSOAuthAudience", value,
                   id=f"block-audience-{value}")
      for value in ("any urn:x", "urn:x any", '""', "")],
]


@pytest.mark.parametrize("text, directive, value", WRONG)
def test_wrong_value(check, text, directive, value):
    """A wrong value is an error that names the directive, the value and what to write instead."""
    code, said = check(text)
    assert code != 0 and "Syntax OK" not in said
    assert directive in said, said
    shown = value.strip('"').rsplit("/", 1)[-1] if value.startswith("{files}") else value.strip('"')
    assert any(word in said for word in shown.split()) or not shown.split(), said
    assert says_more_than(said, directive, value), said


def says_more_than(said, directive, value):
    """Whether the message has words of its own besides place, directive and value."""
    message = said.rsplit(directive, 1)[-1]
    return len(re.findall(r"[A-Za-z]{3,}", message.replace(value, ""))) >= 3


RIGHT = [
    *rows("block", "MTLSOAuthUseMutualTLS", "none", "request", "required"),
    *rows("server", "MTLSOAuthUseMutualTLS", "none", "request", "required"),
    *rows("location", "MTLSOAuthUseMutualTLS", "required"),
    *rows("server", "MTLSOAuthTokenCache", "1", "1000000", "off", "OFF"),
    *rows("block", "MTLSOAuthReportMutualTLS", "off", "required"),
    *rows("server", "MTLSOAuthReportMutualTLS", "off", "required"),
    *rows("source", "MTLSOAuthJWKSFile", "{files}/good.json"),
    *rows("source", "MTLSOAuthPublicKeyFile", "{files}/ec.pem", "{files}/rsa.pem alg=PS256 kid=a",
          "{files}/cert.pem kid=b", "{files}/ec.pem alg=ES256",
          "{files}/ec.pem kid=a\nMTLSOAuthPublicKeyFile {files}/rsa.pem kid=b"),
    *rows("block", "MTLSOAuthAlgorithms", "RS256", "EdDSA Ed25519 Ed448",
          "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"),
    *rows("block", "MTLSOAuthProfile", "jwt", "rfc9068"),
    *rows("block", "MTLSOAuthClockSkew", "0", "30", "30s", "5min", "300"),
    *rows("block", "MTLSOAuthMaxTokenLifetime", "off", "1h", "3600", "15min"),
    *rows("block", "MTLSOAuthRemoteUserClaim", "sub", "upn preferred_username sub", "a.b.c",
          r"https://example\.test/user"),
    *rows("block", "MTLSOAuthRemoteUserSuffix", "@example.test"),
    *rows("server", "MTLSOAuthRemoteUserSuffix", "@example.test"),
    *rows("block", "MTLSOAuthClientIDClaim", "azp", "client_id azp"),
    *rows("block", "MTLSOAuthRequiredClaims", "jti", "jti person.mail"),
    *rows("location", "MTLSOAuthAudience", "urn:x", "urn:x urn:y", "any"),
    *rows("location", "MTLSOAuthAcceptIssuers", ISS, f'"{ISS}"'),
    *rows("location", "MTLSOAuthTokenSource", "header", "cookie:at", "header cookie:at"),
    *rows("location", "MTLSOAuthRequireTLS", "on", "off"),
    pytest.param(block("MTLSOAuthAudience any", audience=""), None, None, id="any"),
    pytest.param(block("MTLSOAuthPublicKeyFile {files}/rsa.pem kid=r"), None, None, id="both key files"),
    pytest.param(block(name="one", audience="urn:a") + block(name="two", audience="urn:b urn:c"), None, None,
                 id="two blocks"),
    pytest.param(block(iss="http://adfs.example.test/adfs/services/trust"), None, None, id="http issuer"),
    pytest.param(block(iss="opaque"), None, None, id="opaque issuer"),
    pytest.param("<IfModule ssl_module>\n" + block() + "</IfModule>\n", None, None, id="block in IfModule"),
    pytest.param(block("<IfDefine !NOBODY>\nMTLSOAuthClockSkew 7\n</IfDefine>"), None, None, id="IfDefine in a block"),
    pytest.param(block("Include {files}/included.conf", audience=""), None, None, id="Include in a block"),
    pytest.param("", None, None, id="nothing"),
]


@pytest.mark.parametrize("text, directive, value", RIGHT)
def test_right_value(check, text, directive, value):
    """The twins: said rightly, everything passes."""
    code, said = check(text)
    assert (code, "Syntax OK" in said) == (0, True), said


ONCE = [("block", "MTLSOAuthAudience", "urn:x"), ("block", "MTLSOAuthUseMutualTLS", "none"),
        ("block", "MTLSOAuthReportMutualTLS", "off"), ("block", "MTLSOAuthJWKSFile", "{files}/good.json"),
        ("block", "MTLSOAuthAlgorithms", "RS256"), ("block", "MTLSOAuthProfile", "jwt"),
        ("block", "MTLSOAuthClockSkew", "1"), ("block", "MTLSOAuthMaxTokenLifetime", "off"),
        ("block", "MTLSOAuthRemoteUserClaim", "sub"), ("block", "MTLSOAuthRemoteUserSuffix", "@x"),
        ("block", "MTLSOAuthClientIDClaim", "azp"), ("block", "MTLSOAuthRequiredClaims", "jti"),
        ("server", "MTLSOAuthUseMutualTLS", "none"), ("server", "MTLSOAuthClockSkew", "1"),
        ("server", "MTLSOAuthRemoteUserClaim", "sub"), ("location", "MTLSOAuthUseMutualTLS", "required"),
        ("location", "MTLSOAuthAudience", "urn:x"), ("location", "MTLSOAuthAcceptIssuers", ISS),
        ("location", "MTLSOAuthTokenSource", "header"), ("location", "MTLSOAuthRequireTLS", "on"),
        ("location", "MTLSOAuthForwardToken", "off"), ("location", "MTLSOAuthResource", "https://api.example.test"),
        ("location", "MTLSOAuthResourceScopes", "read write"), ("location", "MTLSOAuthOpaqueTokenIssuer", ISS),
        ("server", "MTLSOAuthTokenCache", "off"), ("server", "MTLSOAuthTrustedProxy", "192.0.2.7 192.0.2.8"),
        ("server", "MTLSOAuthClientCertHeader", "off"), ("server", "MTLSOAuthForwardClientCert", "off"),
        ("server", "MTLSOAuthDenyFile", "denied.list"), ("server", "MTLSOAuthClientCRLFile", "{files}/no.crl"),
        ("server", "MTLSOAuthOpaqueTokenIssuer", ISS), ("server", "MTLSOAuthOutgoingProxy", "http://127.0.0.1:1"),
        ("source", "MTLSOAuthJWKSURI", "https://alpha.example.test/jwks"), ("block", "MTLSOAuthIntrospectJWT", "on"),
        ("block", "MTLSOAuthIntrospectionCache", "off"), ("block", "MTLSOAuthIntrospectionClientID", '"the api"')]


@pytest.mark.parametrize("place, directive, value", ONCE)
def test_directive_twice(check, files, place, directive, value):
    """A directive given twice in one scope contradicts itself sooner or later."""
    text = at(place, f"{directive} {value}\n{directive} {value}")
    code, said = check(text)
    value = value.replace("{files}", str(files))
    assert code != 0 and f"{directive} {value}: the directive is given twice here; say it once" in said, said


def test_state_directory_twice(check):
    """So too in the main server, where nothing is said of virtual hosts."""
    code, said = check(block(), main="MTLSOAuthStateDir off\n" * 2)
    assert code != 0 and "MTLSOAuthStateDir off: the directive is given twice here" in said, said


GUARD = '<Location "/api">\nAuthType mTLS-OAuth\nRequire valid-user\n</Location>\n'

# what is wrong -> (text of the virtual host, words of the message)
STRUCTURE = {
    "no ISS": ("<MTLSOAuthIssuer>\n</MTLSOAuthIssuer>\n", ["MTLSOAuthIssuer"]),
    "empty ISS": (block(iss='""'), ["MTLSOAuthIssuer"]),
    "no bracket": ("<MTLSOAuthIssuer https://a\n</MTLSOAuthIssuer>\n", ["MTLSOAuthIssuer"]),
    "three words": (block(name="one two"), ["MTLSOAuthIssuer", ISS]),
    "not closed": (f"<MTLSOAuthIssuer {ISS}>\nMTLSOAuthAudience urn:x\n", ["MTLSOAuthIssuer"]),
    "closed twice": (block() + "</MTLSOAuthIssuer>\n", ["MTLSOAuthIssuer"]),
    "block in a block": (block(block(iss="https://b.example.test").rstrip()), ["MTLSOAuthIssuer"]),
    "block in a Location": ('<Location "/">\n' + block() + "</Location>\n", ["MTLSOAuthIssuer"]),
    "block in a Directory": ('<Directory "{root}">\n' + block() + "</Directory>\n", ["MTLSOAuthIssuer"]),
    "no audience": (block(audience=""), ["MTLSOAuthAudience", ISS]),
    "no keys": (block(iss="http://sts.example.test/adfs", jwks=""), ["http://sts.example.test/adfs", "MTLSOAuthJWKSURI"]),
    "same ISS, no names": (block(audience="urn:a") + block(audience="urn:b"), [ISS]),
    "same ISS, one name": (block(audience="urn:a") + block(name="two", audience="urn:b"), [ISS]),
    "same name": (block(name="one", audience="urn:a") + block(name="one", audience="urn:b"), ["one"]),
    "same name, other ISS": (block(name="one") + block(iss="https://b.example.test", name="one"), ["one"]),
    "the name is another's ISS": (block(name="urn:b") + block(iss="urn:b"), ["urn:b"]),
    "same audience": (block(name="one", audience="urn:a urn:b") + block(name="two", audience="urn:b"), [ISS, "urn:b"]),
    "any beside another": (block(name="one", audience="any") + block(name="two", audience="urn:b"), [ISS, "any"]),
    "accepted by a name of another host": (block(iss="https://b.example.test")
                                           + '<Location "/">\nMTLSOAuthAcceptIssuers one\n</Location>\n',
                                           ["MTLSOAuthAcceptIssuers", "one"]),
    "AuthType in a block": (block("AuthType mTLS-OAuth"), ["AuthType"]),
    "DocumentRoot in a block": (block('DocumentRoot "{root}"'), ["DocumentRoot"]),
    "Require in a block": (block("Require valid-user"), ["Require"]),
    "unknown directive in a block": (block("MTLSOAuthColour red"), ["MTLSOAuthColour"]),
    **{f"{line.split()[0]} in a block": (block(line), [line.split()[0]])
       for line in ("MTLSOAuthTokenSource header", "MTLSOAuthRequireTLS off", f"MTLSOAuthAcceptIssuers {ISS}")},
    **{f"{line.split()[0]} on the server": (line + "\n" + block(), [line.split()[0]])
       for line in ("MTLSOAuthTokenSource header", "MTLSOAuthRequireTLS off", f"MTLSOAuthAcceptIssuers {ISS}",
                    "MTLSOAuthAudience urn:x", "MTLSOAuthJWKSFile {files}/good.json",
                    "MTLSOAuthPublicKeyFile {files}/ec.pem")},
    **{f"{line.split()[0]} in a Location": (block() + f'<Location "/">\n{line}\n</Location>\n', [line.split()[0]])
       for line in ("MTLSOAuthReportMutualTLS off", "MTLSOAuthAlgorithms RS256", "MTLSOAuthProfile jwt",
                    "MTLSOAuthClockSkew 1", "MTLSOAuthMaxTokenLifetime off", "MTLSOAuthRemoteUserClaim sub",
                    "MTLSOAuthRemoteUserSuffix @x", "MTLSOAuthClientIDClaim azp", "MTLSOAuthRequiredClaims jti",
                    "MTLSOAuthJWKSFile {files}/good.json", "MTLSOAuthPublicKeyFile {files}/ec.pem")},
}


@pytest.mark.parametrize("text, words", STRUCTURE.values(), ids=STRUCTURE)
def test_structure(check, text, words):
    """Blocks and directives in the wrong place, missing or contradicting each other."""
    code, said = check(text)
    assert code != 0 and "Syntax OK" not in said
    assert all(word in said for word in words), said


def test_directive_names_have_no_case(check):
    """httpd's own rule for names holds for these too."""
    text = block("mtlsoauthusemutualtls none").replace("MTLSOAuthAudience", "mtlsoauthaudience") + GUARD
    assert check(text)[0] == 0


def test_accepted_name_of_the_main_server(check):
    """A Location of a virtual host may name a block it inherits, and not one it hides."""
    main = block(name="main")
    named = '<Location "/api">\nMTLSOAuthAcceptIssuers main\n</Location>\n'
    assert check(named, main)[0] == 0
    code, said = check(block(name="own") + named, main)
    assert code != 0 and "MTLSOAuthAcceptIssuers" in said and "main" in said


def test_location_of_the_main_server(make_httpd, files):
    """A Location of the main server is checked as well."""
    text = block().replace("{files}", str(files)) + '<Location "/api">\nMTLSOAuthAcceptIssuers nobody\n</Location>\n'
    code, said = make_httpd(text, []).configtest()
    assert code != 0 and "nobody" in said


def test_wrong_configuration_does_not_start(make_httpd, files):
    """What configtest refuses does not serve either."""
    server = make_httpd(hosts=[Host(block(audience="").replace("{files}", str(files)) + GUARD)])
    with pytest.raises(RuntimeError):
        server.start()


def test_sample_configuration(make_httpd, pki, client_pki, key):
    """The sample we ship passes word for word, without a warning, once the files it names are there."""
    server = make_httpd(f'Include "{environment.SOURCE}/httpd.conf.sample"\n')
    for name in ("conf", "logs"):
        (server.directory / name).mkdir()
    conf = server.directory / "conf"
    (conf / "server.crt").write_text(pki.server.pem)
    (conf / "server.key").write_text(Path(pki.server.key_path).read_text())
    (conf / "issuer.pem").write_text(key.public_pem())
    write_jwks(conf / "issuer.jwks", key.jwk())
    (conf / "clients.json").write_text("[]")
    (conf / "client-ca.pem").write_text(client_pki.root.pem)
    (conf / "client-ca.crl").write_text(client_pki.crl(client_pki.root))
    (conf / "client.crt").write_text(client_pki.batch.pem)
    code, said = server.configtest("DUMP_MTLS_OAUTH")
    assert (code, "Syntax OK" in said) == (0, True), said
    assert "MTLSOAuthIssuer" in said and "\nwarnings: 0\n" in said, said
