"""configtest of introspection and the shared cache: each mistake is an error that names directive, value and remedy; the dump shows what is in force."""

import pytest

from support import environment
from support.blocks import issuer, location
from support.server import Host

ISS = "https://as.example.test"
ENDPOINT = "MTLSOAuthIntrospectionURI https://as.example.test/introspect"
ID = "MTLSOAuthIntrospectionClientID rs"
LOCATED = "AuthType mTLS-OAuth\nMTLSOAuthOpaqueTokenIssuer {name}\nRequire valid-user\n"


@pytest.fixture(scope="module")
def files(work, pki, jwks):
    """Whatever the lines below name in braces."""
    texts = {"secret": "secret\n", "empty": "\n", "lines": "a\nb\n", "control": "a\tb\n", "long": "x" * 1025 + "\n",
             "key": "k" * 43 + "\n", "short": "short\n"}
    found = {"jwks": jwks, "cert": pki.owner.path, "certkey": pki.owner.key_path, "missing": str(work / "missing")}
    for name, text in texts.items():
        path = work / f"configtest.{name}"
        path.write_text(text)
        path.chmod(0o640)
        found[name] = str(path)
    return found


def block(*lines, **settings):
    return issuer(ISS, "{jwks}", *lines, **settings)


SECRET = 'MTLSOAuthIntrospectionClientSecretFile "{secret}"'
GOOD = block(ENDPOINT, ID, SECRET, "MTLSOAuthIntrospectJWT on")

WRONG = {
    "URI": (block("MTLSOAuthIntrospectionURI http://as.example.test/"), "MTLSOAuthIntrospectionURI http://as.example.test/: is not https"),
    "user name": (block("MTLSOAuthIntrospectionURI https://u@as.example.test/"), "a URL with a user name in it; write an https URL"),
    "URI twice": (block(ENDPOINT, ENDPOINT), "the directive is given twice here"),
    "URI outside": (ENDPOINT + "\n", "belongs into an <MTLSOAuthIssuer> section"),
    "jwt": (block("MTLSOAuthIntrospectJWT maybe"), "MTLSOAuthIntrospectJWT maybe: is not one of on, off"),
    "cache": (block("MTLSOAuthIntrospectionCache 5 "), None),
    "cache word": (block("MTLSOAuthIntrospectionCache forever"), "MTLSOAuthIntrospectionCache forever: is not off, exp or a time"),
    "cache zero": (block("MTLSOAuthIntrospectionCache 0"), "MTLSOAuthIntrospectionCache 0: is not off, exp or a time"),
    "cache long": (block("MTLSOAuthIntrospectionCache 2d"), "MTLSOAuthIntrospectionCache 2d: is not off, exp or a time"),
    "method": (block("MTLSOAuthIntrospectionClientAuth private_key_jwt"), "private_key_jwt: is not one of client_secret_basic"),
    "client id": (block("MTLSOAuthIntrospectionClientID \u00e4"), "is not a client_id; write visible ASCII characters"),
    "no client id": (block(ENDPOINT, SECRET), "MTLSOAuthIntrospectionClientID is missing"),
    "no certificate": (block(ENDPOINT, ID), "MTLSOAuthIntrospectionClientAuth tls_client_auth needs our certificate; add MTLSOAuthOutgoingCertificateFile"),
    "no secret": (block(ENDPOINT, ID, "MTLSOAuthIntrospectionClientAuth client_secret_post"), "client_secret_post needs a secret; add"),
    "both": (block(ENDPOINT, ID, SECRET, "MTLSOAuthIntrospectionClientAuth tls_client_auth"), "which uses none; take one of them out"),
    "missing secret": (block(ENDPOINT, ID, 'MTLSOAuthIntrospectionClientSecretFile "{missing}"'), "No such file or directory; name a readable file"),
    "empty secret": (block(ENDPOINT, ID, 'MTLSOAuthIntrospectionClientSecretFile "{empty}"'), "no secret in its first line"),
    "two lines": (block(ENDPOINT, ID, 'MTLSOAuthIntrospectionClientSecretFile "{lines}"'), "more than one line in it"),
    "control": (block(ENDPOINT, ID, 'MTLSOAuthIntrospectionClientSecretFile "{control}"'), "a control character in the secret"),
    "certificate without key": (block(ENDPOINT, ID, SECRET, 'MTLSOAuthOutgoingCertificateFile "{cert}"'), "go together; add the other one"),
    "no endpoint": (block(ID, SECRET, "MTLSOAuthIntrospectJWT on"), "is not read beside MTLSOAuthJWKSURI, MTLSOAuthJWKSFile or"),
    "opaque unknown": (GOOD + "MTLSOAuthOpaqueTokenIssuer nobody\n", "MTLSOAuthOpaqueTokenIssuer nobody: no <MTLSOAuthIssuer> of this server"),
    "opaque ambiguous": (block(ENDPOINT, ID, SECRET, name="a", audience="urn:a") + block(ENDPOINT, ID, SECRET, name="b", audience="urn:b")
                         + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n", "several sections have that ISS; write the NAME of one"),
    "opaque in a Location": (GOOD + "<Location /x>\n" + LOCATED.format(name="nobody") + "</Location>\n", "MTLSOAuthOpaqueTokenIssuer nobody: no"),
    "opaque twice": (GOOD + "MTLSOAuthOpaqueTokenIssuer a b\n", "takes one ISS or NAME"),
    "opaque of one that cannot ask": (block() + f"MTLSOAuthOpaqueTokenIssuer {ISS}\n", "MTLSOAuthIntrospectionClientID is missing"),
    "cache provider": (GOOD + "MTLSOAuthSharedCache nosuch:1\n", 'MTLSOAuthSharedCache nosuch:1: no module provides it; add "LoadModule socache_nosuch_module'),
    "cache without key": (GOOD + "MTLSOAuthSharedCache dbm:/tmp/x\n", "MTLSOAuthSharedCache dbm:/tmp/x: others may read and write there; add MTLSOAuthSharedCacheKeyFile"),
    "cache arguments": (GOOD + "MTLSOAuthSharedCache shmcb:/tmp/x(1)\n", "mend what follows shmcb"),
    "missing key": (GOOD + 'MTLSOAuthSharedCacheKeyFile "{missing}"\n', "No such file or directory; name a readable file with one key, or two"),
    "short key": (GOOD + 'MTLSOAuthSharedCacheKeyFile "{short}"\n', "line 1: a key has at least 43 characters"),
    "cache in a virtual host": ("<VirtualHost *:1>\nMTLSOAuthSharedCache shmcb\n</VirtualHost>\n", "holds for the whole server; move it out of the virtual host"),
    "deny file in a block": (block('MTLSOAuthDenyFile "{secret}"'), "does not belong into <MTLSOAuthIssuer>; move it out"),
}


@pytest.mark.parametrize("name", [name for name, (_, said) in WRONG.items() if said])
def test_mistake(make_httpd, files, name):
    text, said = WRONG[name]
    for label, path in files.items():
        text = text.replace("{" + label + "}", str(path))
    server = make_httpd(text)
    _load_dbm(server)
    code, output = server.configtest()
    assert code != 0 and said in output, output


def _load_dbm(server):
    path = server.directory / "httpd.conf"
    text = path.read_text()
    line = f'LoadModule socache_dbm_module "{environment.MODULES_DIR}/mod_socache_dbm.so"\n'
    path.write_text(text.replace("LoadModule auth_mtls_oauth_module", line + "LoadModule auth_mtls_oauth_module", 1))


def filled(text, files):
    for label, path in files.items():
        text = text.replace("{" + label + "}", str(path))
    return text


def test_dump(make_httpd, files):
    """What is in force, defaults included, and no secret."""
    text = filled(GOOD + f'MTLSOAuthOpaqueTokenIssuer {ISS}\nMTLSOAuthSharedCacheKeyFile "{{key}}"\n', files)
    code, output = make_httpd(text).configtest("DUMP_MTLS_OAUTH")
    assert code == 0, output
    for line in (ENDPOINT, ID, "MTLSOAuthIntrospectJWT on", "MTLSOAuthIntrospectionClientAuth client_secret_basic", "MTLSOAuthIntrospectionCache 60s",
                 f"MTLSOAuthIntrospectionClientSecretFile {files['secret']}", "MTLSOAuthOutgoingTimeout 5s",
                 f"MTLSOAuthOpaqueTokenIssuer {ISS}", "MTLSOAuthSharedCache shmcb", f"MTLSOAuthSharedCacheKeyFile {files['key']}"):
        assert f"    {line}\n" in output, (line, output)
    assert "\nwarnings: 0\n" in output, output
    assert "kkkk" not in output


def test_discovered_endpoint(make_httpd, files):
    """Without a URI the endpoint is that of the metadata, which discovery reads."""
    text = filled(issuer(ISS, None, ID, SECRET, "MTLSOAuthIntrospectJWT on"), files)
    code, output = make_httpd(text).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and "# introspection: at the endpoint of the issuer's metadata" in output, output


@pytest.mark.parametrize("text, said", [
    (block(ENDPOINT, ID, SECRET), "says how to ask the issuer, and about no token it is asked\n    add there: MTLSOAuthIntrospectJWT on\n"),
    (block(ID), f"says how to ask the issuer, and about no token it is asked\n    add there: MTLSOAuthIntrospectJWT on\n"
                f"    or, outside of the section: MTLSOAuthOpaqueTokenIssuer {ISS}\n"),
])
def test_warning(make_httpd, files, text, said):
    code, output = make_httpd(filled(text, files)).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and said in output, output


def test_readable_secret_is_warned_of(make_httpd, files, work):
    path = work / "configtest.open"
    path.write_text("secret\n")
    path.chmod(0o644)
    text = filled(block(ENDPOINT, ID, f'MTLSOAuthIntrospectionClientSecretFile "{path}"', "MTLSOAuthIntrospectJWT on"), files)
    code, output = make_httpd(text).configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and f"{path}: everybody on this machine can read it\n    chmod o-r {path}\n" in output, output


def test_no_shmcb(make_httpd, files):
    """The default is no mistake where its module is missing; a warning says what is lost."""
    server = make_httpd(filled(GOOD, files), without=("http2", "socache_shmcb", "ssl"))
    code, output = server.configtest("DUMP_MTLS_OAUTH")
    assert code == 0 and "each process asks issuers for itself\n    add, to have them share answers: LoadModule socache_shmcb_module" in output, output


def test_in_htaccess(launch, work, pki, jwks, files):
    """A wrong value there refuses the place with 503 and a line in the log."""
    from support.key_life import Asker
    server = launch(filled(GOOD, files), [Host('<Directory "{root}/api">\nAllowOverride AuthConfig\n</Directory>\n' + location("/api"))])
    server.write("api/.htaccess", "MTLSOAuthOpaqueTokenIssuer nobody\n")
    answer = Asker(server, pki).fresh("opaque")
    assert answer.status == 503, answer
    assert any("MTLSOAuthOpaqueTokenIssuer nobody: no <MTLSOAuthIssuer>" in line for line in server.lines())
