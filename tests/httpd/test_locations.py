"""Locations inside Locations: what the inner one says replaces, what it leaves unsaid stays, `required` stays."""

import pytest

from support.blocks import issuer
from support.client import Connection
from support.expect import admitted, refused
from support.server import Host
from support.tokens import AUDIENCE, bound_to, claims, mint

ALPHA, BETA = "https://alpha.example.test", "https://beta.example.test"

# says nothing new, but makes the inner place one of this module: an empty section httpd would not even merge
SAYS_LITTLE = "MTLSOAuthRequireTLS on"

# path -> directives; the inner ones repeat nothing that they want to keep
PLACES = {
    "/": "AuthType mTLS-OAuth\nRequire valid-user",
    "/aud": "MTLSOAuthAudience urn:outer", "/aud/keep": SAYS_LITTLE, "/aud/other": "MTLSOAuthAudience urn:inner",
    "/aud/any": "MTLSOAuthAudience any",
    "/iss": f"MTLSOAuthAcceptIssuers {ALPHA}", "/iss/keep": SAYS_LITTLE, "/iss/other": f"MTLSOAuthAcceptIssuers {BETA}",
    "/iss/both": f"MTLSOAuthAcceptIssuers {ALPHA} {BETA}",
    "/tls": "MTLSOAuthUseMutualTLS required", "/tls/keep": SAYS_LITTLE,
    "/source": "MTLSOAuthTokenSource cookie:at", "/source/keep": SAYS_LITTLE,
    "/source/other": "MTLSOAuthTokenSource header", "/clear": "MTLSOAuthRequireTLS off",
    "/clear/keep": "MTLSOAuthTokenSource header", "/clear/other": SAYS_LITTLE,
    "/none": "AuthType None\nRequire all granted",
}


@pytest.fixture(scope="module")
def server(launch, jwks):
    text = issuer(ALPHA, jwks) + issuer(BETA, jwks, "MTLSOAuthRemoteUserSuffix @beta")
    text += "".join(f'<Location "{path}">\n{lines}\n</Location>\n' for path, lines in PLACES.items())
    files = {f"{path}/secret.txt".lstrip("/"): "the secret\n" for path in PLACES}
    return launch(hosts=[Host(text), Host(text, tls=False)], files=files)


@pytest.fixture
def ask(server, connect, key):
    def send(place, iss=ALPHA, certificate=None, **changes):
        return connect(server, certificate).request(f"{place}/secret.txt", mint(key, claims(iss, **changes)))
    return send


@pytest.mark.parametrize("place, audience",
                         [("/aud", "urn:outer"), ("/aud/keep", "urn:outer"), ("/aud/other", "urn:inner")])
def test_audience(ask, place, audience):
    admitted(ask(place, aud=[AUDIENCE, audience]))
    refused(ask(place, aud=[AUDIENCE, "urn:x"]), "audience_mismatch")
    refused(ask(place, aud=[AUDIENCE, "urn:outer" if audience == "urn:inner" else "urn:inner"]), "audience_mismatch")


def test_any_audience_of_a_location(ask):
    """`any` inside lifts what an outer Location asked for; the block's own audience stays."""
    admitted(ask("/aud/any"))
    refused(ask("/aud/any", aud="urn:outer"), "audience_mismatch")


@pytest.mark.parametrize("place, accepted",
                         [("/iss", [ALPHA]), ("/iss/keep", [ALPHA]), ("/iss/other", [BETA]),
                          ("/iss/both", [ALPHA, BETA])])
def test_accepted_issuers(ask, place, accepted):
    for iss, user in ((ALPHA, "alice"), (BETA, "alice@beta")):
        if iss in accepted:
            admitted(ask(place, iss), user=user)
        else:
            refused(ask(place, iss), "issuer_not_accepted")


def test_required_binding_stays(ask, pki):
    for place in ("/tls", "/tls/keep"):
        admitted(ask(place, certificate=pki.owner, cnf=bound_to(pki.owner)), binding="bound")
        refused(ask(place, certificate=pki.owner), "binding_missing")


def test_token_source(server, connect, key):
    token = mint(key, claims(ALPHA))
    cookie = (("Cookie", f"at={token}"),)
    for place in ("/source", "/source/keep"):
        admitted(connect(server).request(f"{place}/secret.txt", headers=cookie))
        refused(connect(server).request(f"{place}/secret.txt", token), "no_token")
    admitted(connect(server).request("/source/other/secret.txt", token))
    refused(connect(server).request("/source/other/secret.txt", headers=cookie), "no_token")


def test_require_tls(server, key):
    token = mint(key, claims(ALPHA))
    plain = Connection(server.plain_port, "localhost")
    for place in ("/clear", "/clear/keep"):
        admitted(plain.request(f"{place}/secret.txt", token))
    for place in ("/clear/other", "/tls", ""):
        refused(plain.request(f"{place}/secret.txt", token), "tls_required")


def test_auth_type_none_opens_a_place(server, connect):
    """The way out of a protected whole is httpd's own."""
    assert connect(server).request("/none/secret.txt").status == 200
