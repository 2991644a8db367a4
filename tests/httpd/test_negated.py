"""Negated Require lines of the module: nobody passes one of them without having been authenticated."""

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.server import Host
from support.tokens import claims, mint

ISSUER, OTHER = "https://alpha.example.test", "https://beta.example.test"

# the lines of a place whose others are met by everybody -> claims of a token that the negated line refuses
LINES = {
    "client": ("<RequireAll>\nRequire all granted\nRequire not oauth-client legacy\n</RequireAll>", {"client_id": "legacy"}),
    "address": ("<RequireAll>\nRequire not oauth-client legacy\nRequire ip 127.0.0.1\n</RequireAll>", {"client_id": "legacy"}),
    "claim": ("<RequireAll>\nRequire all granted\nRequire not oauth-claim roles banned\n</RequireAll>", {"roles": ["banned"]}),
    "issuer": ("<RequireAll>\nRequire all granted\nRequire not oauth-issuer beta\n</RequireAll>", {"iss": OTHER}),
    "scope": ("<RequireAll>\nRequire all granted\nRequire not oauth-scope none\n</RequireAll>", {"scope": "none"}),
    "section": ("<RequireAll>\nRequire all granted\n<RequireNone>\nRequire ip 192.0.2.1\nRequire oauth-client legacy\n</RequireNone>\n"
                "</RequireAll>", {"client_id": "legacy"}),
    "group": ("<RequireAll>\nRequire all granted\n<RequireNone>\n<RequireAll>\nRequire all granted\nRequire oauth-client legacy\n"
              "</RequireAll>\n</RequireNone>\n</RequireAll>", {"client_id": "legacy"}),
    "alias": ("<RequireAll>\nRequire all granted\nRequire not old-clients\n</RequireAll>", {"client_id": "legacy"}),
    "inner": ("AuthMerging And\n<RequireAll>\nRequire all granted\nRequire not oauth-client legacy\n</RequireAll>", {"client_id": "legacy"}),
}
ALIAS = "<AuthzProviderAlias oauth-client old-clients legacy>\n</AuthzProviderAlias>\n"


@pytest.fixture(scope="module")
def server(launch, jwks):
    places = "".join(location(f"/{name}", lines, require="") + f'Alias "/{name}" "{{root}}/api"\n' for name, (lines, _) in LINES.items())
    places += ('Alias "/alternatives" "{root}/api"\n' + location("/alternatives", "Require oauth-scope admin", "Require ip 127.0.0.1", require="")
               + 'Alias "/clients" "{root}/api"\n<Location "/clients">\nAuthType TLS-Client-Auth\n' + LINES["client"][0] + "\n</Location>\n")
    files = {f"htaccess/{name}/.htaccess": f"AuthType mTLS-OAuth\n{lines}\n" for name, (lines, _) in LINES.items()}
    files |= {f"htaccess/{name}/secret.txt": "the secret\n" for name in LINES}
    text = (issuer(ISSUER, jwks, name="alpha") + issuer(OTHER, jwks, "MTLSOAuthRemoteUserSuffix @beta", name="beta") + places
            + '<Directory "{root}/htaccess">\nAllowOverride AuthConfig\n</Directory>\n')
    return launch(ALIAS, hosts=[Host(text)], files={"api/secret.txt": "the secret\n"} | files)


@pytest.mark.parametrize("folder", ["", "/htaccess"], ids=["configuration", "htaccess"])
@pytest.mark.parametrize("name", LINES)
def test_token_is_asked_for(server, connect, key, name, folder):
    """Without a token 401, with one that the line refuses 403, with another 200."""
    path = f"{folder}/{name}/secret.txt"
    refused(connect(server).request(path), "no_token")
    refused(connect(server).request(path, "a.b.c"), "token_malformed")
    bad = dict(LINES[name][1])
    refused(connect(server).request(path, mint(key, claims(bad.pop("iss", ISSUER), **bad))), "claim_denied")
    admitted(connect(server).request(path, mint(key, claims(ISSUER))))


def test_client_is_asked_for(server, connect):
    """AuthType TLS-Client-Auth likewise."""
    answer = connect(server).request("/clients/secret.txt")
    assert (answer.status, answer.refusal) == (400, "client_id_missing") and b"the secret" not in answer.body, answer


def test_alternatives_stay(server, connect):
    """A line that is not negated forces nobody: another one of a <RequireAny> may let the request in without a token."""
    answer = connect(server).request("/alternatives/secret.txt")
    assert (answer.status, answer.body, answer.user) == (200, b"the secret\n", None), answer
