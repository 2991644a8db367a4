"""The directory directives in .htaccess under AllowOverride AuthConfig; a wrong one shuts the door with 503."""

import pytest

from support.blocks import issuer
from support.client import Connection
from support.expect import admitted, refused
from support.server import Host
from support.tokens import bound_to, claims, mint

ALPHA, BETA = "https://alpha.example.test", "https://beta.example.test"

# directory -> its .htaccess behind AuthType and Require
RIGHT = {
    "plain": "", "alpha": f"MTLSOAuthAcceptIssuers {ALPHA}", "audience": "MTLSOAuthAudience urn:narrow",
    "required": "MTLSOAuthUseMutualTLS required", "cookie": "MTLSOAuthTokenSource cookie:at",
    "clear": "MTLSOAuthRequireTLS off",
}

# a name for the row -> (the wrong line, words that the error log must have)
WRONG = {
    "issuer": ("MTLSOAuthAcceptIssuers https://nobody.example.test",
               ("MTLSOAuthAcceptIssuers", "https://nobody.example.test")),
    "issuer-beside": (f"MTLSOAuthAcceptIssuers {ALPHA} https://nobody.example.test",
                      ("MTLSOAuthAcceptIssuers", "https://nobody.example.test")),
    "policy-none": ("MTLSOAuthUseMutualTLS none", ("MTLSOAuthUseMutualTLS", "none")),
    "policy-request": ("MTLSOAuthUseMutualTLS request", ("MTLSOAuthUseMutualTLS", "request")),
    "policy-word": ("MTLSOAuthUseMutualTLS optional", ("MTLSOAuthUseMutualTLS", "optional")),
    "source": ("MTLSOAuthTokenSource query", ("MTLSOAuthTokenSource", "query")),
    "cookie": ("MTLSOAuthTokenSource cookie:", ("MTLSOAuthTokenSource", "cookie:")),
    "audience": ("MTLSOAuthAudience any urn:x", ("MTLSOAuthAudience", "any")),
    "twice": ("MTLSOAuthUseMutualTLS required\nMTLSOAuthUseMutualTLS required", ("MTLSOAuthUseMutualTLS",)),
    "tls": ("MTLSOAuthRequireTLS maybe", ("MTLSOAuthRequireTLS",)),
}


@pytest.fixture(scope="module")
def server(launch, jwks):
    files = {"inherits/secret.txt": "the secret\n", "inherits/.htaccess": "AuthType mTLS-OAuth\nRequire valid-user\n"}
    for prefix, rows in (("right", RIGHT), ("wrong", {name: line for name, (line, _) in WRONG.items()})):
        for name, line in rows.items():
            files[f"{prefix}/{name}/.htaccess"] = f"AuthType mTLS-OAuth\nRequire valid-user\n{line}\n"
            files[f"{prefix}/{name}/secret.txt"] = "the secret\n"
    text = (issuer(ALPHA, jwks) + issuer(BETA, jwks, "MTLSOAuthRemoteUserSuffix @beta")
            + '<Directory "{root}">\nAllowOverride AuthConfig\n</Directory>\n'
            + '<Directory "{root}/inherits">\nMTLSOAuthUseMutualTLS required\n</Directory>\n')
    return launch(hosts=[Host(text), Host(text, tls=False)], files=files)


@pytest.fixture
def ask(server, connect, key):
    """One request with a token of these claims to a file under the document root."""
    def send(directory, iss=ALPHA, certificate=None, **changes):
        return connect(server, certificate).request(f"/{directory}/secret.txt", mint(key, claims(iss, **changes)))
    return send


def test_plain(ask, server, connect):
    """AuthType and Require in .htaccess are all it takes."""
    admitted(ask("right/plain"))
    admitted(ask("right/plain", BETA), user="alice@beta")
    refused(ask("right/plain", aud="urn:x"), "audience_mismatch")
    refused(connect(server).request("/right/plain/secret.txt"), "no_token")


def test_each_directive_holds(ask, server, connect, pki, key):
    """Every D directive of this part, each with a twin it admits."""
    admitted(ask("right/alpha"))
    refused(ask("right/alpha", BETA), "issuer_not_accepted")
    admitted(ask("right/audience", aud=["urn:narrow", "https://api.example.test"]))
    refused(ask("right/audience"), "audience_mismatch")
    admitted(ask("right/required", certificate=pki.owner, cnf=bound_to(pki.owner)), binding="bound")
    refused(ask("right/required", certificate=pki.owner), "binding_missing")
    token = mint(key, claims(ALPHA))
    admitted(connect(server).request("/right/cookie/secret.txt", headers=(("Cookie", f"at={token}"),)))
    plain = Connection(server.plain_port, "localhost")
    admitted(plain.request("/right/clear/secret.txt", token))
    refused(plain.request("/right/plain/secret.txt", token), "tls_required")


def test_directory_and_htaccess_add_up(ask, pki):
    """What the Directory demands stays when .htaccess says nothing of it."""
    admitted(ask("inherits", certificate=pki.owner, cnf=bound_to(pki.owner)), binding="bound")
    refused(ask("inherits", certificate=pki.owner), "binding_missing")


@pytest.mark.parametrize("name", WRONG)
def test_wrong_line(ask, server, name):
    """A mistake first met in .htaccess refuses the request with 503 and one error line that names it."""
    server.new_lines()
    answer = ask(f"wrong/{name}")
    assert answer.status == 503, answer
    assert b"the secret" not in answer.body and not answer.user
    told = [line for line in server.new_lines() if "error]" in line or "alert]" in line]
    assert len(told) == 1 and all(word in told[0] for word in WRONG[name][1]), told


@pytest.mark.parametrize("name", WRONG)
def test_wrong_line_without_a_token(server, connect, name):
    """Nor does such a directory open without a token."""
    answer = connect(server).request(f"/wrong/{name}/secret.txt")
    assert answer.status in (401, 503) and b"the secret" not in answer.body


def test_not_without_authconfig(launch, connect, jwks, key):
    """Without AllowOverride AuthConfig httpd itself refuses the lines."""
    server = launch(hosts=[Host(issuer(ALPHA, jwks) + '<Directory "{root}">\nAllowOverride FileInfo\n</Directory>\n')],
                    files={"a/.htaccess": "MTLSOAuthRequireTLS off\n", "a/secret.txt": "the secret\n"})
    answer = connect(server).request("/a/secret.txt", mint(key, claims(ALPHA)))
    assert answer.status == 500 and b"the secret" not in answer.body
