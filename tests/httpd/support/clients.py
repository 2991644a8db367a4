"""OAuth clients at a live httpd: how they are registered, what they send, and what the answers must look like."""

import json
import re
import urllib.parse
from pathlib import Path

from support.client import Connection, tls_context
from support.expect import DESCRIPTION

FORM_TYPE = "application/x-www-form-urlencoded"
LARGEST_FORM = 65536

# refusal code -> status and OAuth error, as the specification lists them
REFUSALS = {
    **dict.fromkeys("client_id_missing client_id_repeated client_auth_mixed form_malformed".split(),
                    (400, "invalid_request")),
    "form_too_large": (413, "invalid_request"),
    **dict.fromkeys("""client_unknown client_certificate_missing client_subject_mismatch client_untrusted
                    client_certificate_unregistered""".split(), (401, "invalid_client")),
}

# what the environment tells of somebody
IDENTITY = ("X-User", "X-Auth-Type", "X-Client-Id", "X-Client-Auth-Method", "X-Cert-Thumbprint", "X-Issuer",
            "X-Subject", "X-Scope", "X-Binding")

CA, SELF = "tls_client_auth", "self_signed_tls_client_auth"

NAME_MEMBERS = {"dn": "tls_client_auth_subject_dn", "dns": "tls_client_auth_san_dns", "uri": "tls_client_auth_san_uri",
                "ip": "tls_client_auth_san_ip", "email": "tls_client_auth_san_email"}


# ---- Registration ----

def section(client_id, *lines):
    """A client as a section."""
    return "\n".join([f'<MTLSOAuthClient "{client_id}">', *lines, "</MTLSOAuthClient>"]) + "\n"


def by_name(client_id, kind, value, *lines):
    """A tls_client_auth client as a section."""
    return section(client_id, f'MTLSOAuthClientSubject {kind} "{value}"', *lines)


def named(client_id, kind, value, **members):
    """The same as client metadata."""
    return {"client_id": client_id, "token_endpoint_auth_method": CA, NAME_MEMBERS[kind]: value, **members}


def with_keys(client_id, *jwks, **members):
    """Client metadata of self_signed_tls_client_auth."""
    return {"client_id": client_id, "token_endpoint_auth_method": SELF, "jwks": {"keys": list(jwks)}, **members}


def other(client_id, method=..., **members):
    """Client metadata of another method; without one it is client_secret_basic."""
    said = {"client_id": client_id, "token_endpoint_auth_method": method, **members}
    return {name: value for name, value in said.items() if value is not ...}


def write_json(path, value):
    """Writes JSON under that name at once, as a careful administrator does; returns the path as text."""
    beside = Path(path).with_suffix(".new")
    beside.write_text(value if isinstance(value, str) else json.dumps(value))
    beside.rename(path)
    return str(path)


def endpoint(path, *lines, require="valid-user"):
    """A Location that authenticates clients, over a static file."""
    said = [f'<Location "{path}">', "AuthType TLS-Client-Auth", *lines, f"Require {require}" if require else "",
            "</Location>"]
    return "\n".join(line for line in said if line) + "\n"


# ---- Requests ----

def form(client_id=None, **parameters):
    """A form as bytes."""
    said = ({} if client_id is None else {"client_id": client_id}) | parameters
    return urllib.parse.urlencode(said).encode()


def post(connection, path, body, *headers, content_type=FORM_TYPE, method="POST"):
    """Sends a form. A body that is empty has a length as well."""
    fields = [*headers] if content_type is None else [("Content-Type", content_type), *headers]
    if not body:
        fields.append(("Content-Length", "0"))
    return connection.request(path, None, method, fields, body)


def once(server, pki, certificate, path, body, *headers, version=None, host="localhost", **settings):
    """The same over a connection of its own."""
    connection = Connection(server.port, host, tls_context(pki.authority.path, certificate, version))
    try:
        return post(connection, path, body, *headers, **settings)
    finally:
        connection.close()


# ---- Answers ----

def authenticated(answer, client_id, certificate, method=CA, body=b"the secret\n"):
    """The client was let in, and the environment tells who it is and how that was proved."""
    assert (answer.status, answer.refusal) == (200, None), answer
    told = [answer.header(name) for name in ("X-User", "X-Auth-Type", "X-Client-Id", "X-Client-Auth-Method",
                                             "X-Cert-Thumbprint")]
    assert told == [client_id, "TLS-Client-Auth", client_id, method, certificate.thumbprint], answer.headers
    assert answer.challenge is None, answer
    assert body is None or answer.body == body, answer.body[:200]


def refused(answer, *codes, realm=None):
    """The JSON of RFC 6749 section 5.2; a challenge, with that realm, only when one is due (Ellipsis: as it may be)."""
    assert answer.refusal in codes, (answer, codes)
    status, error = REFUSALS[answer.refusal]
    assert answer.status == status, answer
    assert not any(answer.header(name) for name in IDENTITY), answer.headers
    assert answer.all("Content-Type") == ["application/json"], answer.headers
    assert answer.all("Cache-Control") == ["no-store"], answer.headers
    said = json.loads(answer.body)
    assert set(said) == {"error", "error_description"} and said["error"] == error, said
    assert re.fullmatch(DESCRIPTION, said["error_description"]), said
    assert realm is ... or answer.all("WWW-Authenticate") == ([f'Basic realm="{realm}"'] if realm else []), answer.headers


def denied(answer, client_id):
    """A Require line refuses a client that is who it says."""
    assert (answer.status, answer.refusal, answer.challenge) == (403, "claim_denied", None), answer
    assert answer.user == client_id and b"the secret" not in answer.body, answer


def passed(answer, body=b"the secret\n"):
    """A client of another method: let through, and nobody to this server."""
    assert (answer.status, answer.refusal, answer.challenge) == (200, None, None), answer
    assert not any(answer.header(name) for name in IDENTITY), answer.headers
    assert body is None or answer.body == body, answer.body[:200]
