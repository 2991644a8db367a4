"""The pages about use cases, run as docs/ shows them: only addresses, ports and files are others, and keys come from a file."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from support import authorization_server, environment
from support.caches import CACHES
from support.client import Connection, tls_context
from support.client_pki import DNS, SUBJECT
from support.clients import form, once
from support.clients import refused as client_refused
from support.expect import admitted, refused
from support.fake_issuer import FakeIssuer
from support.introspection import ENDPOINT, SECRET, Known
from support.key_life import eventually, outgoing
from support.server import Host, free_ports
from support.tokens import bound_to, claims, mint

PATH = "/api/secret.txt"
LOGIN, API = "https://login.example.com", "https://api.example.com"


def shown(page, language="apache"):
    """The blocks of a page in that language, in its order."""
    return re.findall(rf"^```{language}\n(.*?)^```", (environment.SOURCE / "docs" / page).read_text(), flags=re.M | re.S)


def shell(text, directory, expected=0):
    """What these commands print, with the tool in their path."""
    path = f"{environment.TOOL.parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-eu", "-c", text], cwd=directory, env={**os.environ, "PATH": path}, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


def with_files(server, **files):
    """Puts files where the pages have them: conf_name for conf/name."""
    for folder in ("conf", "logs"):
        (server.directory / folder).mkdir(exist_ok=True)
    for name, source in files.items():
        shutil.copy(source, server.directory / "conf" / name.replace("_", ".", 1))
    return server


@pytest.fixture
def run(make_httpd, jwks):
    """Starts what a page shows for a virtual host, or for a server: `main` may take the one it is for. It ends with the test."""
    started = []

    def start(text="", main="", tls=True, **files):
        server = with_files(make_httpd(), issuer_jwks=jwks, **files)
        server.configure(main(server) if callable(main) else main, [Host(text, verify=None, tls=tls)] if text else [])
        started.append(server)
        return server.start()
    yield start
    for server in started:
        server.stop()


def ask(server, pki, token=None, certificate=None, path=PATH, plain=False, headers=()):
    connection = Connection(server.plain_port if plain else server.port, "localhost",
                            None if plain else tls_context(pki.authority.path, certificate))
    try:
        return connection.request(path, token, headers=headers)
    finally:
        connection.close()


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="bash, curl or openssl not found")
def test_getting_started(make_httpd, pki):
    """Each command as it stands; the answers and the log are what the page says."""
    make, *tries = shown("getting-started.md", "sh")
    server = with_files(make_httpd())
    shell(make, server.directory)
    server.configure("", [Host(shown("getting-started.md")[1], verify=None)])
    server.start()
    try:
        text = "\n".join(tries).replace(f"{API}/api/", f"https://localhost:{server.port}{PATH}")
        said = shell(text.replace("curl ", f"curl --cacert {pki.authority.path} "), server.directory)
        assert said.split()[-4:] == ["200", "401", "401", "401"], said
        assert '"sub": "alice"' in said
        assert re.findall(r"refused (\w+)", " ".join(server.refusals())) == ["certificate_mismatch", "certificate_missing", "no_token"]
    finally:
        server.stop()


# ---- Tokens as the pages say that their issuers make them ----

TENANT, APPLICATION = "aaaabbbb-0000-cccc-1111-dddd2222eeee", "00001111-aaaa-2222-bbbb-3333cccc4444"
KEYCLOAK = {"iss": "https://keycloak.example.com/realms/example", "aud": ["api", "account"], "sub": "5f0c", "azp": "reports", "client_id": ...,
            "typ": "Bearer", "realm_access": {"roles": ["reader", "offline_access"]}, "scope": "profile email"}
ENTRA_2 = {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0", "aud": APPLICATION, "azp": "a-client", "oid": "an-object", "scope": ...,
           "client_id": ..., "scp": "Orders.Read Orders.List", "ver": "2.0"}
ENTRA_1 = {**ENTRA_2, "iss": f"https://sts.windows.net/{TENANT}/", "aud": f"api://{APPLICATION}", "azp": ..., "appid": "a-client", "ver": "1.0"}
OKTA = {"iss": "https://example.okta.com/oauth2/default", "aud": "api://default", "cid": "a-client", "uid": "00u1", "scope": ...,
        "scp": ["openid", "orders.read"], "client_id": ..., "sub": "alice@example.com"}
AUTH0 = {"iss": f"{LOGIN}/", "aud": [API, f"{LOGIN}/userinfo"], "azp": "a-client", "client_id": ..., "scope": "openid orders:read",
         "sub": "a-client@clients"}
ADFS = {"iss": "http://adfs.example.com/adfs/services/trust", "aud": API, "appid": "a-client", "client_id": ..., "scope": ..., "scp": "orders",
        "upn": "alice@example.com"}
OTHER = {"iss": LOGIN, "aud": API}

# page, its blocks, claims, whether the token is bound, the user, and {refusal: what is different}
ISSUERS = [
    ("keycloak.md", [0], KEYCLOAK, True, "5f0c", {
        "binding_missing": {"cnf": ...}, "audience_mismatch": {"aud": "account"}, "type_not_allowed": {"typ": "ID"},
        "claim_denied": {"realm_access": {"roles": ["writer"]}}, "issuer_unknown": {"iss": KEYCLOAK["iss"] + "/"}}),
    ("entra-id.md", [0], ENTRA_2, False, "an-object", {
        "scope_insufficient": {"scp": "User.Read"}, "issuer_unknown": {"iss": ENTRA_1["iss"]}, "audience_mismatch": {"aud": "graph"}}),
    ("entra-id.md", [0], {**ENTRA_2, "scp": ..., "roles": ["Orders.Read.All"]}, False, "an-object", {"scope_insufficient": {"roles": ["Other"]}}),
    ("entra-id.md", [0], ENTRA_2, True, "an-object", {}),
    ("entra-id.md", [0, 1], ENTRA_1, False, "an-object", {"audience_mismatch": {"aud": "https://graph.microsoft.com"}}),
    ("entra-id.md", [0, 1], {**ENTRA_1, "aud": APPLICATION}, False, "an-object", {}),
    ("okta-auth0.md", [0], OKTA, False, "alice@example.com", {
        "binding_unsupported": {"cnf": {"jkt": "x" * 43}}, "issuer_unknown": {"iss": "https://example.okta.com"}}),
    ("okta-auth0.md", [1], AUTH0, True, "a-client@clients", {"binding_missing": {"cnf": ...}, "issuer_unknown": {"iss": LOGIN}}),
    ("okta-auth0.md", [1], {**AUTH0, "azp": ..., "client_id": "a-client"}, True, "a-client@clients", {}),
    ("ad-fs.md", [0], ADFS, False, "alice@example.com", {
        "audience_mismatch": {"aud": "urn:microsoft:userinfo"}, "issuer_unknown": {"iss": "https://adfs.example.com/adfs"},
        "lifetime_exceeded": {"exp": int(time.time()) + 90000}}),
    ("ad-fs.md", [0], {**ADFS, "upn": ..., "sub": "an-application"}, False, "an-application", {"user_claim_missing": {"sub": ...}}),
    ("from-mod_oauth2.md", [0], OTHER, True, "alice", {"binding_missing": {"cnf": ...}, "scope_insufficient": {"scope": "write"}}),
    ("from-mod_auth_openidc.md", [0], OTHER, False, "alice", {"scope_insufficient": {"scope": "write"}}),
]


@pytest.mark.parametrize("page, blocks, said, bound, user, others", ISSUERS, ids=[f"{row[0]}-{number}" for number, row in enumerate(ISSUERS)])
def test_tokens_of_an_issuer(run, pki, key, page, blocks, said, bound, user, others):
    """The configuration admits a token as that issuer makes it, and refuses what the page says it refuses."""
    text = "\n".join(shown(page)[number] for number in blocks)
    server = run(re.sub(r"MTLSOAuth(MetadataURI|JWKSURI) \S+", "MTLSOAuthJWKSFile conf/issuer.jwks", text))
    good = {**said, "cnf": bound_to(pki.owner) if bound else ...}

    def token(**changes):
        return mint(key, claims(LOGIN, **{**good, **changes}), {"typ": "JWT"})
    answer = ask(server, pki, token(), pki.owner)
    admitted(answer, user=user, binding="bound" if bound else "unbound")
    assert answer.header("X-Client-Id") == ("a-client" if "a-client" in said.values() else "reports")
    for code, changes in others.items():
        refused(ask(server, pki, token(**changes), pki.owner), code)
    if bound:
        refused(ask(server, pki, token(), pki.thief), "certificate_mismatch")
    refused(ask(server, pki, None, pki.owner, headers=[("Authorization", f"MTLS_POP {token()}")]), "no_token")


def test_ad_fs_time_of_authentication(run, pki, key):
    """An auth_time that is a text is none."""
    text = re.sub(r"MTLSOAuthMetadataURI \S+", "MTLSOAuthJWKSFile conf/issuer.jwks", shown("ad-fs.md")[0])
    server = run(text.replace("Require oauth-scope orders", "Require oauth-auth-age 600"))
    now = int(time.time())
    admitted(ask(server, pki, mint(key, claims(LOGIN, **ADFS, auth_time=now))), user="alice@example.com")
    refused(ask(server, pki, mint(key, claims(LOGIN, **ADFS, auth_time=str(now)))), "authentication_too_old")


# ---- A real authorization server ----

@pytest.fixture
def provider(client_pki, pki, work):
    """The program of oidc-provider.md, and its origin."""
    reason = authorization_server.missing()
    if reason:
        pytest.skip(reason)
    home = work / "oidc-provider"
    home.mkdir()
    for name, source in {"server.key": pki.server.key_path, "server.crt": pki.server.path, "client-ca.pem": client_pki.ca_file}.items():
        shutil.copy(source, home / name)
    port, = free_ports(1)
    origin = f"https://localhost:{port}"
    text, = shown("oidc-provider.md", "js")
    text = text.replace("https://as.example.com", origin).replace("listen(443)", f"listen({port}, '127.0.0.1')").replace("reports.example.com", DNS)
    with authorization_server.running(text, home, port):
        yield port, origin


def test_oidc_provider(provider, run, pki, client_pki):
    """From its token endpoint to the API: the right certificate, another one, none; and no token for others."""
    port, origin = provider
    server = run(shown("oidc-provider.md")[0].replace("https://as.example.com", origin), outgoing(pki))

    def tokens(certificate, **changes):
        connection = Connection(port, "localhost", tls_context(pki.authority.path, certificate))
        body = form("reports", **{"grant_type": "client_credentials", "resource": API, "scope": "read", **changes})
        answer = connection.request("/token", None, "POST", [("Content-Type", "application/x-www-form-urlencoded")], body)
        connection.close()
        return answer.status, json.loads(answer.body)
    status, said = tokens(client_pki.reports)
    assert status == 200, said
    token = said["access_token"]
    eventually(lambda: admitted(ask(server, pki, token, client_pki.reports), user="reports", binding="bound"))
    refused(ask(server, pki, token, client_pki.billing), "certificate_mismatch")
    refused(ask(server, pki, token), "certificate_missing")
    for other in (client_pki.billing, client_pki.impostor, client_pki.mask, None):
        assert tokens(other)[1].get("error") == "invalid_client"


def test_token_endpoint(run, pki, client_pki, back):
    """Both clients pass with their certificates and nobody else does; the back end has the certificate from here alone."""
    text, = shown("token-endpoint.md")
    files = {"client-ca_pem": client_pki.ca_file, "client-ca_crl": crls(client_pki), "client_crt": client_pki.batch.path,
             "clients_json": written(client_pki)}
    server = run(text.replace("127.0.0.1:3000", f"127.0.0.1:{back.port}"), **files)
    forged = ("Client-Cert", field(client_pki.reports))
    for client, certificate in (("reports", client_pki.reports), ("nightly", client_pki.batch)):
        assert once(server, pki, certificate, "/token", form(client), forged).status == 200
        seen, = back.take()
        assert seen.header("Client-Cert") == field(certificate) and seen.body == form(client)
    for path in ("/token", "/TOKEN", "//token", "/token/", "/introspect", "/request"):
        client_refused(once(server, pki, client_pki.billing, path, form("reports"), forged), "client_subject_mismatch")
    client_refused(once(server, pki, client_pki.impostor, "/token", form("reports")), "client_untrusted")
    client_refused(once(server, pki, client_pki.batch_renewed, "/token", form("nightly")), "client_certificate_unregistered")
    client_refused(once(server, pki, None, "/token", form("reports"), forged), "client_certificate_missing")
    client_refused(once(server, pki, client_pki.reports, "/token", form("other")), "client_unknown")
    client_refused(once(server, pki, client_pki.reports, "/token", form("reports", client_secret="x")), "client_auth_mixed")
    assert not back.take()
    ask(server, pki, path="/authorize", headers=[forged])
    seen, = back.take()
    assert seen.header("Client-Cert") is None
    command = shown("token-endpoint.md", "sh")[0].splitlines()[1].replace("reports.crt", client_pki.reports.path)
    assert "tls_client_auth" in shell(command, server.directory)


def field(certificate):
    return f":{base64.b64encode(certificate.der).decode()}:"


def written(client_pki):
    """conf/clients.json of the page, with the subject of a certificate of the tests."""
    text, = shown("token-endpoint.md", "json")
    path = Path(client_pki.directory) / "page-clients.json"
    path.write_text(text.replace("CN=reports,O=Example Corp,C=DE", SUBJECT))
    return path


def crls(client_pki):
    path = Path(client_pki.directory) / "page.crl"
    path.write_text(client_pki.crl(client_pki.root) + client_pki.crl(client_pki.issuing))
    return path


# ---- Many servers ----

def test_redis(make_httpd, jwks, key, pki, work):
    """Two httpds, one question; each holds the token to its own connection; without Redis both go on."""
    reason = CACHES["redis"].missing()
    if reason:
        pytest.skip(reason)
    home = work / "redis-page"
    home.mkdir()
    fake, redis = FakeIssuer(), CACHES["redis"](home).start()
    known, servers = Known(fake), []
    main, site = shown("redis.md")
    main = main.replace("redis.example.com:6379", f"127.0.0.1:{redis.port}")
    site = site.replace(f"{LOGIN}/introspect", fake.url + ENDPOINT).replace("    MTLSOAuthIntrospectJWT on\n",
                                                                            "    MTLSOAuthIntrospectJWT on\n    MTLSOAuthJWKSFile conf/issuer.jwks\n")
    try:
        for _ in range(2):
            server = with_files(make_httpd("MTLSOAuthTokenCache off\n" + main, [Host(site, verify=None)]), issuer_jwks=jwks)
            (server.directory / "modules").symlink_to(environment.MODULES_DIR)
            (server.directory / "conf" / "introspection.secret").write_text(SECRET + "\n")
            if servers:
                shutil.copy(servers[0].directory / "conf" / "cache.keys", server.directory / "conf")
            else:
                shell(shown("redis.md", "sh")[0], server.directory)
            servers.append(server)
            server.start()
        bound = claims(LOGIN, aud=API, cnf=bound_to(pki.owner))
        for token in ("opaque-token", mint(key, bound)):
            known.add(token, aud=API, cnf=bound_to(pki.owner))
            before = len(redis.keys())
            admitted(ask(servers[0], pki, token, pki.owner), binding="bound")
            eventually(lambda before=before: more(redis, before))
            admitted(ask(servers[1], pki, token, pki.owner), binding="bound")
            assert known.count(token) == 1
            for server in servers:
                refused(ask(server, pki, token, pki.thief), "certificate_mismatch")
        redis.stop()
        for server in servers:
            admitted(ask(server, pki, "opaque-token", pki.owner), binding="bound")
    finally:
        for server in servers:
            server.stop()
        redis.stop()
        fake.close()


def more(redis, before):
    assert len(redis.keys()) == before + 1


def test_load_balancer(run, pki, key):
    """An httpd in front of an httpd: the certificate comes through, a forged header does not, and nobody else is believed."""
    whole, front, without = shown("load-balancer.md")

    def behind(address):
        return run(main=lambda server: whole.replace("*:80", f"127.0.0.1:{server.plain_port}").replace("10.1.0.7", address))
    back, strict = behind("127.0.0.1"), behind("10.1.0.9")
    balancer = run(front.replace("10.1.0.20", f"127.0.0.1:{back.plain_port}"))
    token = mint(key, claims(LOGIN, aud=API, cnf=bound_to(pki.owner)))
    forged = [("Client-Cert", pki.owner.pem.strip().replace("\n", " "))]
    for headers in ([], forged):
        assert ask(balancer, pki, token, pki.owner, headers=headers).body == b"the secret\n"
        for other in (pki.thief, pki.stranger, None):
            assert ask(balancer, pki, token, other, headers=headers).status == 401
    assert {line.split()[1] for line in back.refusals()} == {"certificate_mismatch", "certificate_missing"}
    admitted(ask(back, pki, token, plain=True, headers=forged), binding="bound-forwarded")
    answer = ask(strict, pki, token, plain=True, headers=forged)
    assert (answer.status, answer.refusal) == (403, "tls_required")
    blind = run(without, tls=False)
    admitted(ask(blind, pki, token, plain=True), binding="unchecked")


# ---- Migration ----

def steps():
    """{name in the table: configuration} of migration.md."""
    first, second, place, last = shown("migration.md")
    lines = "    MTLSOAuthUseMutualTLS none\n    MTLSOAuthReportMutualTLS request\n"
    assert lines in first
    inside = [re.sub(r"# Context: .*\n", "", text) for text in (second, last)]
    return [first, first.replace(lines, inside[0]), first.replace(lines, inside[0]) + place, first.replace(lines, inside[1])]


def table():
    """[(token, [statuses of step 1], [of 2 and 3], [of 4])] as the page has it."""
    text = (environment.SOURCE / "docs" / "migration.md").read_text()
    rows = re.findall(r"^\| (unbound|bound) \| ([\d ]+) \| ([\d ]+) \| ([\d ]+) \|$", text, flags=re.M)
    return {name: [[int(status) for status in cell.split()] for cell in cells] for name, *cells in rows}


@pytest.mark.parametrize("step", range(4))
def test_migration(run, pki, key, step):
    """The answers are those of the page's table; what is reported is who would break at the next step."""
    server = run(steps()[step])
    tokens = {"unbound": mint(key, claims(LOGIN, aud=API, client_id="old")),
              "bound": mint(key, claims(LOGIN, aud=API, client_id="new", cnf=bound_to(pki.owner)))}
    reported = {0: {"bound": ["certificate_missing", None, "certificate_mismatch"]}, 1: {"unbound": ["binding_missing"] * 3},
                2: {"unbound": ["binding_missing"] * 3}}.get(step, {})
    column = {0: 0, 1: 1, 2: 1, 3: 2}[step]
    for name, token in tokens.items():
        answers = [ask(server, pki, token, certificate) for certificate in (None, pki.owner, pki.thief)]
        assert [answer.status for answer in answers] == table()[name][column], name
        assert [answer.reported for answer in answers] == reported.get(name, [None] * 3), name
    if step == 2:
        assert ask(server, pki, tokens["unbound"], pki.owner, path="/api/payments").status == 401
    counted = shell(shown("migration.md", "sh")[0], server.directory)
    wanted = {0: ["1 certificate_mismatch new", "1 certificate_missing new"], 3: []}.get(step, ["3 binding_missing old"])
    assert sorted(" ".join(line.split()) for line in counted.splitlines()) == wanted
