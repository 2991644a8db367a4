"""The Require lines of the module: what meets them, and what is answered when nothing does."""

import time

import pytest

from support.blocks import issuer, location
from support.expect import admitted, refused
from support.server import Host
from support.tokens import bound_to, claims, mint

ISSUER, OTHER = "https://alpha.example.test", "https://beta.example.test"

# the Require line -> (claims that meet it, claims that do not, refusal of these)
LINES = {
    "oauth-scope read": ([{}, {"scope": "read"}, {"scope": ["x", "read"]}, {"scope": ..., "scp": "write read"},
                          {"scope": ..., "scp": ["read"]}, {"scope": "write  read"}, {"scope": " read "}],
                         [{"scope": "readall"}, {"scope": "allread"}, {"scope": "write\tread"}, {"scope": "READ"}, {"scope": "rea d"}, {"scope": ""}, {"scope": ...},
                          {"scope": ["read write"]}, {"scope": 1}, {"scope": "x", "scp": "read"}, {"scope": None}],
                         "scope_insufficient"),
    "oauth-scope admin write": ([{}, {"scope": "admin"}], [{"scope": "read"}], "scope_insufficient"),
    "oauth-claim dept it": ([{"dept": "it"}, {"dept": ["hr", "it"]}],
                            [{"dept": "IT"}, {"dept": "it "}, {"dept": {"it": 1}}, {}, {"dept": [["it"]]},
                             {"dept": None}], "claim_denied"),
    "oauth-claim realm_access.roles admin": ([{"realm_access": {"roles": ["admin", "user"]}}],
                                             [{"realm_access": {"roles": ["user"]}}, {"realm_access.roles": ["admin"]},
                                              {"realm_access": ["admin"]}], "claim_denied"),
    r"oauth-claim https://example\.com/role admin": ([{"https://example.com/role": "admin"}],
                                                     [{"https://example": {"com/role": "admin"}}], "claim_denied"),
    "oauth-claim level 3 true 1.5": ([{"level": 3}, {"level": "3"}, {"level": True}, {"level": 1.5},
                                      {"level": [9, 3]}],
                                     [{"level": 33}, {"level": False}, {"level": 1}, {"level": 3.5}], "claim_denied"),
    "oauth-claim mail ~ [a-z]+@example\\.com|root": ([{"mail": "bob@example.com"}, {"mail": "root"},
                                                      {"mail": ["x", "root"]}],
                                                     [{"mail": "bob@example.com.evil.test"}, {"mail": "xroot"},
                                                      {"mail": "root\n"}, {"mail": "bob@exampleXcom"}, {}],
                                                     "claim_denied"),
    'oauth-claim name "Ann Lee"': ([{"name": "Ann Lee"}], [{"name": "Ann"}], "claim_denied"),
    "oauth-client reports": ([{}, {"client_id": ..., "azp": "reports"}],
                             [{"client_id": "report"}, {"client_id": ...}], "claim_denied"),
    "oauth-issuer beta": ([{"iss": OTHER}], [{}], "claim_denied"),
    f"oauth-issuer {ISSUER}": ([{}], [{"iss": OTHER}], "claim_denied"),
    "oauth-acr urn:high phr": ([{"acr": "phr"}, {"acr": "urn:high"}], [{"acr": "urn:low"}, {}, {"acr": ["phr"]}],
                               "authentication_too_weak"),
}

COMBINED = f"""
<Location "/any">
    AuthType mTLS-OAuth
    <RequireAny>
        Require oauth-scope admin
        Require oauth-claim dept it
        Require user root
    </RequireAny>
</Location>
<Location "/all">
    AuthType mTLS-OAuth
    <RequireAll>
        Require oauth-issuer {ISSUER}
        Require oauth-scope read
        Require not oauth-scope admin
        <RequireNone>
            Require oauth-claim dept external
        </RequireNone>
    </RequireAll>
</Location>
<Location "/methods">
    AuthType mTLS-OAuth
    <Limit GET>
        Require oauth-scope read
    </Limit>
    <LimitExcept GET>
        Require oauth-scope write
    </LimitExcept>
</Location>
<Location "/order">
    AuthType mTLS-OAuth
    <RequireAny>
        Require oauth-claim dept none
        Require oauth-scope first
        Require oauth-scope second
        Require oauth-bound
        Require oauth-auth-age 60
        Require oauth-acr gold
    </RequireAny>
</Location>
<Location "/scope-first">
    AuthType mTLS-OAuth
    <RequireAny>
        Require oauth-claim dept none
        Require oauth-scope first third
        Require oauth-scope second
    </RequireAny>
</Location>
<Location "/forbidden">
    AuthType mTLS-OAuth
    AuthzSendForbiddenOnFailure on
    Require oauth-scope admin
</Location>
<Location "/local">
    AuthType mTLS-OAuth
    AuthGroupFile "{{root}}/groups"
    Require oauth-scope storage-admin
    Require user bob
    Require group operators
</Location>
<Location "/expr">
    AuthType mTLS-OAuth
    Require expr "%{{REMOTE_USER}} != '' && 'it' -in oauth_claim('depts') && oauth_claim('level') -ge 3"
</Location>
<Location "/shown">
    AuthType mTLS-OAuth
    Require valid-user
    RequestHeader set X-Dept "expr=%{{oauth_claim:dept}}"
    Header always set X-Claim "expr=%{{oauth_claim:dept}}" "expr=-n oauth_claim('dept')"
    Header always set X-Sent "expr=%{{HTTP:X-Dept}}"
</Location>
Header always set X-Leak "expr=%{{oauth_claim:dept}}"
CustomLog "{{root}}/../it.log" "%U" "expr='it' -in oauth_claim('dept')"
Alias "/any" "{{root}}/api"
Alias "/all" "{{root}}/api"
Alias "/methods" "{{root}}/api"
Alias "/order" "{{root}}/api"
Alias "/scope-first" "{{root}}/api"
Alias "/forbidden" "{{root}}/api"
Alias "/local" "{{root}}/api"
Alias "/expr" "{{root}}/api"
Alias "/shown" "{{root}}/api"
Alias "/bound" "{{root}}/api"
Alias "/age" "{{root}}/api"
Alias "/regex" "{{root}}/api"
"""


@pytest.fixture(scope="module")
def server(launch, jwks):
    text = (issuer(ISSUER, jwks, name="alpha") + issuer(OTHER, jwks, "MTLSOAuthRemoteUserSuffix @beta", name="beta")
            + "".join(location(f"/line{number}", require=line) + f'Alias "/line{number}" "{{root}}/api"\n'
                      for number, line in enumerate(LINES))
            + location("/bound", require="oauth-bound") + location("/age", require="oauth-auth-age 600")
            + location("/regex", require='oauth-claim text ~ "(a+)+$"') + COMBINED)
    return launch(hosts=[Host(text)], more=["authz_groupfile"],
                  files={"api/secret.txt": "the secret\n", "groups": "operators: carol dave\n",
                         "public.txt": "for everyone\n"})


@pytest.fixture
def ask(server, connect, key):
    """A request for the secret below a Location, with a token of these claims; `method` as it is."""
    def send(place, certificate=None, method="GET", **changes):
        token = mint(key, claims(changes.pop("iss", ISSUER), **changes))
        return connect(server, certificate).request(f"{place}/secret.txt", token, method=method)
    return send


@pytest.mark.parametrize("number", range(len(LINES)), ids=list(LINES))
def test_line(ask, number):
    """Every line is met by what it names and by nothing else; several values are an or, names match exactly."""
    good, bad, code = list(LINES.values())[number]
    for changes in good:
        admitted(ask(f"/line{number}", **changes), user="alice@beta" if changes.get("iss") == OTHER else "alice")
    for changes in bad:
        refused(ask(f"/line{number}", **changes), code)


def test_values_of_the_challenge(ask):
    """RFC 6750 section 3 and RFC 9470 section 3: the challenge says what would be enough, from the configuration."""
    answer = ask("/line1", scope="read")
    assert answer.status == 403 and answer.challenge.endswith(', scope="admin write"')
    assert 'error="insufficient_scope"' in answer.challenge and "no-store" not in answer.challenge
    answer = ask(f"/line{len(LINES) - 1}", acr='gold", error="x')
    assert answer.status == 401 and answer.challenge.endswith(', acr_values="urn:high phr"')
    assert answer.challenge.count("error=") == 1 and answer.challenge.startswith('Bearer realm="localhost", ')


def test_bound(ask, pki):
    admitted(ask("/bound", pki.owner, cnf=bound_to(pki.owner)), binding="bound")
    refused(ask("/bound", pki.owner), "binding_missing")


def test_age_of_the_authentication(ask):
    """auth_time within the skew of the issuer's block; absent, of another type or from the future it is unmet."""
    now = int(time.time())
    for good in (now, now - 500, now - 620, now + 20):
        admitted(ask("/age", auth_time=good))
    for bad in (now - 700, now + 100, str(now), ..., None, [now], -1):
        answer = ask("/age", auth_time=bad)
        refused(answer, "authentication_too_old")
        assert answer.challenge.endswith(', max_age="600"')


def test_costly_expression(ask):
    """A value that makes the expression try everything is no match, soon."""
    admitted(ask("/regex", text="aaaa"))
    started = time.monotonic()
    refused(ask("/regex", text=["a" * 40 + "b"] * 50), "claim_denied")
    assert time.monotonic() - started < 1


def test_any_of_several_lines(ask):
    """No trace of the unmet lines is on a 200 (admitted looks for a challenge)."""
    admitted(ask("/any", dept="it"))
    admitted(ask("/any", scope="admin"))
    admitted(ask("/any", sub="root"), user="root")
    refused(ask("/any"), "scope_insufficient")


def test_all_none_and_not(ask):
    admitted(ask("/all"))
    refused(ask("/all", dept="external"), "claim_denied")
    answer = ask("/all", scope="read admin")
    refused(answer, "claim_denied")
    refused(ask("/all", scope="write"), "scope_insufficient")
    refused(ask("/all", iss=OTHER), "claim_denied")


def test_methods(ask):
    """<Limit> and <LimitExcept>: each method asks its own scope."""
    admitted(ask("/methods", scope="read"))
    answer = ask("/methods", scope="read", method="POST")
    refused(answer, "scope_insufficient")
    assert 'scope="write"' in answer.challenge
    assert ask("/methods", scope="write", method="GET").status == 403
    assert ask("/methods", scope="write", method="POST").status == 200


def test_order_of_the_refusals(ask, pki):
    """Stronger and newer authentication first, then binding, then scope: the first unmet line of its kind speaks."""
    now = int(time.time())
    answer = ask("/order")
    refused(answer, "authentication_too_weak")
    assert answer.challenge.endswith(', acr_values="gold", max_age="60"')
    answer = ask("/scope-first")
    refused(answer, "scope_insufficient")
    assert answer.challenge.endswith(', scope="first third"')
    for changes in ({"acr": "gold"}, {"auth_time": now}, {"scope": "second"}):
        admitted(ask("/order", **changes))
    admitted(ask("/order", pki.owner, cnf=bound_to(pki.owner)), binding="bound")


def test_forbidden_on_failure(ask):
    """AuthzSendForbiddenOnFailure changes nothing: the answer is as without it."""
    refused(ask("/forbidden"), "scope_insufficient")


def test_roles_of_the_site(ask):
    """A site's own users and groups stand beside the token's scopes."""
    admitted(ask("/local", scope="storage-admin"))
    admitted(ask("/local", sub="bob"), user="bob")
    admitted(ask("/local", sub="carol"), user="carol")
    refused(ask("/local"), "scope_insufficient")


def test_claims_in_expressions(ask):
    admitted(ask("/expr", depts=["hr", "it"], level=3))
    admitted(ask("/expr", depts="it", level=4))
    for changes in ({"depts": ["hr"], "level": 3}, {"depts": "it", "level": 2}, {"depts": ["it"]}, {"level": 3}):
        refused(ask("/expr", **changes), "claim_denied")


def test_claims_in_headers_and_logs(ask, server, connect):
    """oauth_claim works wherever httpd takes an expression, and is empty without a token or for what cannot be shown."""
    rows = ((("it", "it"), ("3", 3), ("true", True), ('["it","hr"]', ["it", "hr"]), (None, {"a": 1}), (None, "a\nb"),
             (None, ["a\u0085"]), (None, ...)))
    for shown, dept in rows:
        answer = ask("/shown", dept=dept)
        admitted(answer)
        assert (answer.header("X-Claim") or None) == shown, (dept, answer.headers)
        assert (answer.header("X-Sent") or None) in (shown, "(null)"), (dept, answer.headers)
    answer = connect(server).request("/public.txt")
    assert answer.status == 200 and not answer.header("X-Leak")
    server.reload()  # and with it the log is written
    log = (server.directory / "it.log").read_text().split()
    assert log.count("/shown/secret.txt") == 2


WRONG = [
    ("oauth-scope", ["oauth-scope"]), ('oauth-scope "a b"', ["oauth-scope", "a b"]),
    ("oauth-scope a\\b", ["oauth-scope", "backslash"]), ("oauth-scope é", ["oauth-scope"]), ('oauth-scope ""', ["empty"]),
    ("oauth-acr", ["oauth-acr"]), ("oauth-acr 'a\"b'", ["oauth-acr"]),
    ("oauth-claim", ["oauth-claim"]), ("oauth-claim dept", ["oauth-claim", "dept"]), ("oauth-claim a..b x", ["a..b"]),
    ("oauth-claim dept ~", ["dept"]), ("oauth-claim dept ~ a b", ["dept"]), ("oauth-claim dept ~ (", ["("]),
    ("oauth-claim dept ~ a)|(b", ["a)|(b"]),
    ("oauth-client", ["oauth-client"]), ("oauth-issuer", ["oauth-issuer"]),
    ("oauth-issuer https://nobody.example.test", ["oauth-issuer", "https://nobody.example.test"]),
    ("oauth-bound yes", ["oauth-bound", "yes"]), ("oauth-auth-age", ["oauth-auth-age"]),
    ("oauth-auth-age soon", ["soon"]), ("oauth-auth-age -1", ["-1"]), ("oauth-auth-age 1 2", ["1 2"]),
    ("oauth-auth-age 9999999999", ["9999999999"]), ("expr \"oauth_claim('a..b') == 'x'\"", ["a..b"]),
]


@pytest.mark.parametrize("line, words", WRONG, ids=[line for line, _ in WRONG])
def test_wrong_line(make_httpd, jwks, line, words):
    """A mistake is an error of configtest that names the line's provider and value."""
    code, said = make_httpd(hosts=[Host(issuer(ISSUER, jwks) + location("/api", require=line))]).configtest()
    assert code != 0 and all(word in said for word in words), said


def test_expression_before_the_token(make_httpd, jwks):
    """httpd decides Require expr first without a user: a line that would refuse everybody is warned of."""
    line = "expr \"'it' -in oauth_claim('depts')\""
    for require, warned in ((line, True), (line.replace("'it'", "%{REMOTE_USER} != '' && 'it'"), False)):
        code, said = make_httpd(hosts=[Host(issuer(ISSUER, jwks) + location("/api", require=require))]).configtest(
            "DUMP_MTLS_OAUTH")
        assert code == 0 and ("decided before there is a token" in said) == warned, said
