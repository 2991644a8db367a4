"""Which certificate may speak for which client_id (RFC 8705 section 2), and what is said to those who may not."""

import base64
import json
import re

import pytest

from support.client import Connection, tls_context
from support.client_pki import DNS, EMAIL, IP, SUBJECT, URI, base64_der, certificate_jwk
from support.clients import (CA, SELF, authenticated, by_name, denied, endpoint, form, named, other, passed, post,
                             refused, section, with_keys, write_json)
from support.keys import write_jwks
from support.server import Host

PATH, OPEN = "/token/secret.txt", "/open/secret.txt"

KINDS = {"dn": SUBJECT, "dns": DNS, "uri": URI, "ip": IP, "email": EMAIL}

OTHER_METHODS = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none",
                 "attest_jwt_client_auth", ...]


@pytest.fixture(scope="module")
def server(launch, client_pki, work):
    pki, home = client_pki, work / "client-auth"
    home.mkdir()
    jwks = write_jwks(home / "batch.jwks", certificate_jwk(pki.batch_twin), certificate_jwk(pki.batch))
    sections = "".join(by_name(f"section-{kind}", kind, value) for kind, value in KINDS.items())
    sections += (section("section-certificate", f'MTLSOAuthClientCertificateFile "{pki.batch.path}"')
                 + section("section-jwks", f'MTLSOAuthClientJWKSFile "{jwks}"')
                 + section("section-kid", f'MTLSOAuthClientJWKSFile "{jwks}"', "MTLSOAuthClientKeyID batch")
                 + section("section-trusted", f'MTLSOAuthClientCertificateFile "{pki.reports.path}"'))
    file = [named(f"file-{kind}", kind, value) for kind, value in KINDS.items()]
    file += [with_keys("file-jwks", certificate_jwk(pki.batch_twin), certificate_jwk(pki.batch)),
             with_keys("file-trusted", certificate_jwk(pki.reports)),
             with_keys("file-crossed", certificate_jwk(pki.batch, x5c=certificate_jwk(pki.batch_twin)["x5c"]), certificate_jwk(pki.mask)),
             with_keys("file-chain", certificate_jwk(pki.reports, x5c=[base64_der(one) for one in (pki.reports, pki.issuing, pki.batch)])),
             named("a client", "dn", SUBJECT), named("b+c", "dn", SUBJECT), named("d%2Be", "dn", SUBJECT),
             named("f:g", "dn", SUBJECT), named("~!*'()\"\\", "dn", SUBJECT), named("x" * 300, "dn", SUBJECT),
             *(other(f"other-{number}", method) for number, method in enumerate(OTHER_METHODS)),
             # members of another method beside it are nobody's business
             other("other-named", "client_secret_basic", tls_client_auth_subject_dn=SUBJECT, client_secret="s")]
    text = (f'MTLSOAuthClientCACertificateFile "{pki.ca_file}"\n'
            f'MTLSOAuthClientsFile "{write_json(home / "clients.json", file)}"\n{sections}'
            'Alias "/open" "{root}/api"\nAlias "/named" "{root}/api"\nAlias "/token" "{root}/api"\n'
            + endpoint("/token") + endpoint("/open", "MTLSOAuthOtherClients pass")
            + endpoint("/named", 'AuthName "the \\"token\\" endpoint"'))
    requires = {"client": "oauth-client section-dn other-0 file-jwks", "user": "user section-dn", "ip": "ip 127.0.0.1",
                "far": "ip 192.0.2.1", "denied": "all denied"}
    for path, require in requires.items():
        for kind, lines in (("open", ["MTLSOAuthOtherClients pass"]), ("shut", [])):
            text += f'Alias "/{kind}-{path}" "{{root}}/api"\n' + endpoint(f"/{kind}-{path}", *lines, require=require)
    either = "<RequireAny>\nRequire oauth-client file-dn\nRequire user section-jwks\n</RequireAny>"
    text += 'Alias "/either" "{root}/api"\n' + endpoint("/either", either, require="")
    return launch(hosts=[Host(text)])


@pytest.fixture
def ask(server, connect):
    def send(body, certificate=None, *headers, path=PATH, version=None, **settings):
        return post(connect(server, certificate, version=version), path, body, *headers, **settings)
    return send


def basic(user, password="secret"):
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


# certificate -> the refusal of a tls_client_auth client whose certificate is `reports`
BY_CHAIN = {None: "client_certificate_missing", "reports": None, "billing": "client_subject_mismatch",
            "impostor": "client_untrusted", "mask": "client_untrusted", "batch": "client_untrusted"}
# certificate -> the refusal of a self_signed_tls_client_auth client whose certificate is `batch`
UNREGISTERED = "client_certificate_unregistered"
BY_EQUALITY = {None: "client_certificate_missing", "batch": None, "batch_renewed": UNREGISTERED,
               "reports": UNREGISTERED, "mask": UNREGISTERED}

ROWS = [*((f"{place}-{kind}", CA, shown, code) for place in ("section", "file") for kind in KINDS
          for shown, code in BY_CHAIN.items()),
        *((client, SELF, shown, code) for client in ("section-certificate", "section-jwks", "section-kid", "file-jwks")
          for shown, code in BY_EQUALITY.items()),
        # every key of the set counts, unless a kid is pinned
        *((client, SELF, "batch_twin", code) for client, code in
          (("section-jwks", None), ("file-jwks", None), ("section-kid", UNREGISTERED),
           ("section-certificate", UNREGISTERED))),
        # a certificate that is registered needs no chain, and may have one
        *((client, SELF, shown, code) for client in ("section-trusted", "file-trusted")
          for shown, code in (("reports", None), ("impostor", UNREGISTERED), (None, "client_certificate_missing"))),
        # C6: the key of a JWK and that of its certificate are one; only the first certificate of x5c is the client's
        *(("file-crossed", SELF, shown, UNREGISTERED) for shown in ("batch", "batch_twin")), ("file-crossed", SELF, "mask", None),
        ("file-chain", SELF, "reports", None), ("file-chain", SELF, "batch", UNREGISTERED)]


@pytest.mark.parametrize("client, method, shown, code", ROWS)
def test_table(ask, client_pki, client, method, shown, code):
    """The client authentication table: a chain and the one name, or the registered certificate itself."""
    certificate = shown and getattr(client_pki, shown)
    answer = ask(form(client, grant_type="client_credentials"), certificate)
    if code:
        refused(answer, code)
    else:
        authenticated(answer, client, certificate, method)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_table_on_each_tls_version(ask, client_pki, version):
    """What mod_ssl says of a certificate differs between the versions; the answers do not."""
    for client, shown, code in (("section-dn", "reports", None), ("section-dn", "impostor", "client_untrusted"),
                                ("section-dn", "mask", "client_untrusted"), ("file-jwks", "batch", None),
                                ("file-jwks", "reports", UNREGISTERED), ("file-jwks", None, "client_certificate_missing")):
        certificate = shown and getattr(client_pki, shown)
        answer = ask(form(client), certificate, version=version)
        if code:
            refused(answer, code)
        else:
            authenticated(answer, client, certificate, SELF if shown == "batch" else CA)


def test_certificate_of_a_ca_of_mod_ssl(ask, pki):
    """SSLCACertificateFile is not MTLSOAuthClientCACertificateFile: SSL_CLIENT_VERIFY is SUCCESS here, and counts for nothing."""
    refused(ask(form("section-dn"), pki.owner), "client_untrusted")
    refused(ask(form("section-certificate"), pki.owner), UNREGISTERED)


@pytest.mark.parametrize("client", ["nobody", "SECTION-DN", "section-dn ", " section-dn", "section-d", "section-dnx",
                                    "section-dn/", "section-dn\u00fc", *(f"other-{number}" for number in range(len(OTHER_METHODS))),
                                    "other-named"])
def test_unknown_client(ask, client_pki, client):
    """A client_id that is not registered, or for another method, with a certificate and without; the twins are above."""
    for certificate in (client_pki.reports, client_pki.batch, None):
        refused(ask(form(client), certificate), "client_unknown")


@pytest.mark.parametrize("client", ["a client", "b+c", "d%2Be", "f:g", "~!*'()\"\\", "x" * 300])
def test_client_id_is_decoded(ask, client_pki, client):
    """RFC 6749 appendix A.1 and B: a client_id is any printable ASCII, form-encoded; the environment has it decoded."""
    authenticated(ask(form(client), client_pki.reports), client, client_pki.reports)


SAME = [("client_unknown", "nobody", "reports"), ("client_unknown", "nobody", None), ("client_unknown", "other-0", "reports"),
        ("client_certificate_missing", "section-dn", None), ("client_certificate_missing", "file-jwks", None),
        ("client_subject_mismatch", "section-dn", "billing"), ("client_subject_mismatch", "file-ip", "billing"),
        ("client_untrusted", "section-dn", "impostor"), ("client_untrusted", "file-uri", "batch"),
        (UNREGISTERED, "section-kid", "batch_twin"), (UNREGISTERED, "file-jwks", "reports")]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_refusals_look_alike(ask, client_pki, method):
    """Whether the client is unknown, of another method or with a wrong certificate: same status, headers and body."""
    seen = {}
    for code, client, shown in SAME:
        answer = ask(form(client), shown and getattr(client_pki, shown), method=method)
        refused(answer, code)
        headers = tuple((name, value) for name, value in answer.headers if name not in ("Date", "X-Refusal"))
        seen.setdefault((answer.status, headers, answer.body), []).append(code)
    assert len(seen) == 1, seen


@pytest.mark.parametrize("value", ["Basic bm9ib2R5Ong=", "Bearer abc", "Digest username=x", "basic"])
def test_challenge_only_with_authorization(ask, client_pki, value):
    """RFC 6749 section 5.2: 401 has WWW-Authenticate when the client tried Authorization; its realm is AuthName, else ServerName."""
    refused(ask(form("nobody"), client_pki.reports), "client_unknown")
    header = ("Authorization", value)
    refused(ask(form("nobody"), client_pki.reports, header), "client_unknown", realm="localhost")
    refused(ask(form("nobody"), client_pki.reports, header, path="/named/secret.txt"), "client_unknown",
            realm='the \\"token\\" endpoint')
    refused(ask(form("section-dn"), client_pki.reports, header), "client_auth_mixed")


# what is in the request beside the client_id of a certificate client -> (headers, body, query)
SECOND = {"basic": ([basic("section-dn")], {}, ""), "basic of another": ([basic("nobody")], {}, ""),
          "basic without a password": ([basic("section-dn", "")], {}, ""),
          "bearer": ([("Authorization", "Bearer abc")], {}, ""),
          "a scheme of its own": ([("Authorization", "Whatever")], {}, ""),
          **{f"{name} in the body": ([], {name: "x"}, "") for name in
             ("client_secret", "client_assertion", "client_assertion_type")},
          **{f"{name} in the query": ([], {}, f"?{name}=x") for name in
             ("client_secret", "client_assertion", "client_assertion_type")},
          "escaped name": ([], {}, "?client%5Fsecre%74=x")}


@pytest.mark.parametrize("headers, body, query", SECOND.values(), ids=SECOND)
@pytest.mark.parametrize("path", [PATH, OPEN])
def test_two_methods(ask, client_pki, path, headers, body, query):
    """RFC 6749 section 2.3: one method a request; with a good certificate, with a wrong one and with none."""
    for client, certificate in (("section-dn", client_pki.reports), ("file-jwks", client_pki.batch),
                                ("section-dn", client_pki.billing), ("file-jwks", None)):
        refused(ask(form(client, **body), certificate, *headers, path=path + query), "client_auth_mixed")


def test_empty_parameters_are_none(ask, client_pki):
    """RFC 6749 section 3.2: a parameter without a value counts as omitted."""
    for body in (b"&client_secret=", b"&client_assertion=&client_assertion_type=", b"&client_secret", b"&&", b"&="):
        authenticated(ask(form("section-dn") + body, client_pki.reports), "section-dn", client_pki.reports)
    for body in (b"client_id=", b"client_id", b"client_id=&client_secret="):
        refused(ask(body, client_pki.reports), "client_id_missing")


@pytest.mark.parametrize("user", ["section-dn", "file-jwks", "section%2Ddn", "%73ection-dn", "a%20client", "a+client",
                                  "b%2Bc", "f%3Ag"])
@pytest.mark.parametrize("body", [{}, {"grant_type": "client_credentials"}])
@pytest.mark.parametrize("path", [PATH, OPEN])
def test_basic_of_a_certificate_client(ask, client_pki, path, body, user):
    """A secret does not speak for a client that is registered with a certificate, whatever the back end made of it."""
    for certificate in (client_pki.reports, None):
        refused(ask(form(**body), certificate, basic(user), path=path), "client_auth_mixed")


def test_basic_beside_another_client_id(ask):
    """The back end may go by the Basic credentials and not by the client_id: these are not let through either."""
    body = form("nobody")
    refused(ask(body, None, basic("section-dn"), path=PATH), "client_auth_mixed", "client_unknown", realm=...)
    refused(ask(body, None, basic("section-dn"), path=OPEN), "client_auth_mixed")


PAIR = base64.b64encode(b"section-dn:secret").decode()
SPELLINGS = {"lower case": f"basic {PAIR}", "two blanks": f"Basic  {PAIR}", "a tab": f"Basic\t{PAIR}", "blank behind": f"Basic {PAIR}  ",
             "no padding": f"Basic {PAIR.rstrip('=')}", "more padding": f"Basic {PAIR}==", "junk inside": f"Basic {PAIR[:5]}!{PAIR[5:]}",
             "blank inside": f"Basic {PAIR[:8]} {PAIR[8:]}", "NUL behind": "Basic " + base64.b64encode(b"section-dn\0:secret").decode(),
             "two of them": f"Basic bm9ib2R5Ong=, Basic {PAIR}", "two, other order": f"Basic {PAIR}, Basic bm9ib2R5Ong=",
             "no colon": "Basic " + base64.b64encode(b"section-dn").decode()}


@pytest.mark.parametrize("value", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_basic(ask, value):
    """Credentials that a generous back end reads as a certificate client's are not let through as somebody else's."""
    answer = ask(form(grant_type="x"), None, ("Authorization", value), path=OPEN)
    assert answer.status in (400, 401) and answer.refusal and answer.user is None, answer


OTHERS = {"basic": (form(grant_type="client_credentials"), [basic("nobody")]),
          "basic, client_id too": (form("nobody"), [basic("nobody")]),
          "basic of a registered client": (form(), [basic("other-0")]),
          "lower case": (form(), [("Authorization", "basic bm9ib2R5Ong=")]),
          "secret": (form("nobody", client_secret="x"), []),
          "secret of a registered client": (form("other-1", client_secret="x"), []),
          "client_id alone": (form("nobody"), []), "public client": (form("other-4"), []),
          "assertion": (form(client_assertion="a.b.c", client_assertion_type="urn:x"), []),
          "assertion and client_id": (form("other-3", client_assertion="a.b.c", client_assertion_type="urn:x"), [])}


@pytest.mark.parametrize("body, headers", OTHERS.values(), ids=OTHERS)
def test_other_clients(ask, client_pki, body, headers):
    """Refused as unknown, or with MTLSOAuthOtherClients pass let through as nobody, also with the certificate of somebody."""
    for certificate in (None, client_pki.reports, client_pki.batch):
        refused(ask(body, certificate, *headers), "client_unknown", realm="localhost" if headers else None)
        passed(ask(body, certificate, *headers, path=OPEN))


@pytest.mark.parametrize("shown, code", [(shown, code) for shown, code in BY_CHAIN.items() if code])
def test_pass_lets_no_certificate_client_through(ask, client_pki, shown, code):
    """`pass` is for clients of other methods: a registered one without its certificate stays out."""
    refused(ask(form("section-dn"), shown and getattr(client_pki, shown), path=OPEN), code)
    authenticated(ask(form("section-dn"), client_pki.reports, path=OPEN), "section-dn", client_pki.reports)


REQUIRE = [("client", "section-dn", "reports", True), ("client", "section-dns", "reports", False),
           ("client", "file-jwks", "batch", True), ("client", "file-dn", "reports", False),
           ("user", "section-dn", "reports", True), ("user", "file-dn", "reports", False)]


@pytest.mark.parametrize("path, client, shown, wanted", REQUIRE)
@pytest.mark.parametrize("kind", ["open", "shut"])
def test_require(ask, client_pki, kind, path, client, shown, wanted):
    """Require oauth-client and user look at the client_id; 403 when it is another one."""
    certificate = getattr(client_pki, shown)
    answer = ask(form(client), certificate, path=f"/{kind}-{path}/secret.txt")
    if wanted:
        authenticated(answer, client, certificate, SELF if shown == "batch" else CA)
    else:
        denied(answer, client)


def test_require_any(ask, client_pki):
    """One of several lines is enough."""
    path = "/either/secret.txt"
    authenticated(ask(form("file-dn"), client_pki.reports, path=path), "file-dn", client_pki.reports)
    authenticated(ask(form("section-jwks"), client_pki.batch, path=path), "section-jwks", client_pki.batch, SELF)
    denied(ask(form("section-dn"), client_pki.reports, path=path), "section-dn")


def test_require_and_clients_that_pass(ask, client_pki):
    """Nobody is no user and no client; what Require asks of the address it asks of everybody."""
    for headers, body in (([basic("other-0")], form()), ([], form("other-0", client_secret="x"))):
        for path in ("/open-client", "/open-user"):
            answer = ask(body, client_pki.reports, *headers, path=path + "/secret.txt")
            assert (answer.status, answer.user, answer.challenge) == (403, None, None), answer
            assert b"the secret" not in answer.body
        for path, status in (("/open-ip", 200), ("/open-far", 403), ("/open-denied", 403)):
            assert ask(body, None, *headers, path=path + "/secret.txt").status == status, path


def test_client_ids_in_other_places(ask, client_pki):
    """C1: the parameter of the body, and nothing else, names the client; a certificate alone names nobody."""
    reports = client_pki.reports
    refused(ask(form(grant_type="x"), reports), "client_id_missing")
    refused(ask(form(grant_type="x"), reports, path=PATH + "?client_id=section-dn"), "client_id_missing")
    refused(ask(form(grant_type="x"), reports, ("Cookie", "client_id=section-dn"), ("Client-Id", "section-dn")),
            "client_id_missing")
    for name in ("clientid", "client_id ", "xclient_id"):
        refused(ask(form(**{name: "section-dn"}), reports), "client_id_missing")
    for name in ("Client_Id", "client_id[]"):
        refused(ask(form(**{name: "section-dn"}), reports), "form_malformed")


def test_every_request_is_judged_anew(server, pki, client_pki):
    """Nothing of one request stays on its connection for the next one."""
    connection = Connection(server.port, "localhost", tls_context(pki.authority.path, client_pki.reports))
    for _ in range(3):
        authenticated(post(connection, PATH, form("section-dn")), "section-dn", client_pki.reports)
        refused(post(connection, PATH, form("section-kid")), UNREGISTERED)
        passed(post(connection, OPEN, form("other-0")))
        assert connection.request("/public.txt").user is None
    assert connection.opened == 1
    connection.close()


def test_without_tls(launch, client_pki):
    """Over clear text there is no certificate."""
    text = f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name("reports", "dn", SUBJECT) + endpoint("/api")
    server = launch(hosts=[Host(text, tls=False)])
    plain = Connection(server.plain_port, "localhost")
    refused(post(plain, "/api/secret.txt", form("reports")), "client_certificate_missing")


# ---- The log ----

LINES = [("client_unknown", "nobody", "reports"), ("client_certificate_missing", "section-dn", None),
         ("client_subject_mismatch", "section-dn", "billing"), ("client_untrusted", "section-dn", "impostor"),
         (UNREGISTERED, "file-jwks", "reports"), ("client_unknown", "other-3", "reports")]


@pytest.mark.parametrize("code, client, shown", LINES)
def test_log_line(server, ask, client_pki, code, client, shown):
    """One warning a refusal tells apart what the answer does not: code, client, certificate and why."""
    certificate = shown and getattr(client_pki, shown)
    server.new_lines()
    refused(ask(form(client), certificate), code)
    start = certificate.thumbprint[:8] if certificate else "-"
    (line,) = server.refusals()
    assert re.match(rf'refused {code} client="?{client}"? cert={start}: \S', line), line
    assert any(":warn]" in one and f"refused {code} " in one for one in server.lines())


def test_log_shows_both_names(server, ask, client_pki):
    """Of a wrong name: what was registered and what was shown."""
    for client, registered, shown in (("section-dn", "CN=reports", "CN=billing"), ("file-dns", DNS, "billing.example.test")):
        server.new_lines()
        refused(ask(form(client), client_pki.billing), "client_subject_mismatch")
        (line,) = server.refusals()
        assert registered in line and shown in line, line


HOSTILE = ["a\nb] [evil:error] fake", "a\r\nb", "a\tb", "a\x1b[31mb", "a\x7fb", 'a"b', "a\\b", "a\\nb", "a b=c: d",
           "a cert=-: forged", "%s%n%d%5000d", "\u202egnirts", "\u2028next", "x" * 4000, "\u00fc" * 3000, "\udcff\udcfe"]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value[:12]))
def test_log_injection(server, ask, client_pki, value):
    """Whatever a client_id says, its refusal is one line of printable text of bounded length, and no field is forged."""
    body = b"client_id=" + b"".join(b"%%%02x" % octet for octet in value.encode("utf-8", "surrogateescape"))
    server.new_lines()
    answer = ask(body, client_pki.reports)
    refused(answer, "client_unknown")
    lines = server.refusals()
    assert len(lines) == 1 and len(lines[0]) < 2500, lines
    assert re.fullmatch(r"[\x20-\x7e]*", lines[0]), lines
    assert re.match(rf"refused client_unknown client=\S+ cert={re.escape(client_pki.reports.thumbprint[:8])}: ", lines[0]), lines
    assert not any("fake" in line and "refused" not in line for line in server.lines())
    passed(ask(body, client_pki.reports, path=OPEN))


def test_secrets_are_not_logged(server, ask, client_pki):
    """Neither secrets nor assertions nor the rest of the form, at debug either."""
    secrets = {"client_secret": "s3cret-of-the-client", "client_assertion": "a55ertion", "code": "c0de-to-exchange"}
    for client, path in (("section-dn", PATH), ("nobody", PATH), ("nobody", OPEN)):
        ask(form(client, **secrets), client_pki.reports, basic("nobody", "passw0rd-of-basic"), path=path)
    log = "\n".join(server.lines())
    assert not [secret for secret in (*secrets.values(), "passw0rd-of-basic", basic("nobody", "passw0rd-of-basic")[1][8:])
                if secret in log]


def test_rate_limit(launch, connect, client_pki):
    """At warn a flood of one refusal leaves few lines; lines of other codes stay."""
    text = f'MTLSOAuthClientCACertificateFile "{client_pki.ca_file}"\n' + by_name("reports", "dn", SUBJECT) + endpoint("/api")
    server = launch(hosts=[Host(text)], level="warn")
    for number in range(300):
        refused(post(connect(server, client_pki.reports), "/api/secret.txt", form(f"nobody-{number}")), "client_unknown")
    refused(post(connect(server, client_pki.billing), "/api/secret.txt", form("reports")), "client_subject_mismatch")
    lines = server.refusals()
    assert 1 <= sum("refused client_unknown" in line for line in lines) <= 60, len(lines)
    assert sum("refused client_subject_mismatch" in line for line in lines) == 1


def test_answer_is_json_whatever_was_asked(ask, client_pki):
    """The answer is the same for every method and Accept; HEAD gets its headers alone."""
    for method in ("POST", "PUT", "DELETE", "PATCH", "BREW"):
        refused(ask(form("nobody"), client_pki.reports, ("Accept", "text/html"), method=method), "client_unknown")
    answer = ask(form("nobody"), client_pki.reports, method="HEAD")
    assert (answer.status, answer.refusal, answer.body) == (401, "client_unknown", b"")
    assert json.loads(ask(form("nobody")).body)["error"] == "invalid_client"
