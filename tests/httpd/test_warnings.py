"""What passes configtest and is most likely a mistake: one warning each, not more, and none for a sound site."""

import os
import re
import shutil
import time

import pytest

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.server import Host
from support.tokens import claims, mint

ALPHA, BETA = "https://alpha.example.test", "https://beta.example.test"
PATH = "/api/secret.txt"


def blocks(jwks, *lines):
    return issuer(ALPHA, jwks, *lines) + issuer(BETA, jwks, "MTLSOAuthRemoteUserSuffix @beta")


# what the site does wrong -> (its virtual hosts, words of each warning)
SITES = {
    "AuthType without Require": (
        lambda jwks: [Host(blocks(jwks) + location("/api", require=""))],
        ["no Require line that asks for a user"], ["let a request to /api/secret.txt through"]),
    "another Require admits without a user": (
        lambda jwks: [Host(blocks(jwks) + location(
            "/api", "<RequireAny>\nRequire ip 127.0.0.1\nRequire valid-user\n</RequireAny>", require=""))],
        ["Require"]),
    "virtual host without TLS": (
        lambda jwks: [Host(blocks(jwks) + location("/api"), name="plain.example.test", tls=False)],
        ["TLS", "plain.example.test"]),
    "same users from two issuers": (
        lambda jwks: [Host(issuer(ALPHA, jwks) + issuer(BETA, jwks) + location("/api"))],
        ["MTLSOAuthRemoteUserSuffix", ALPHA, BETA]),
    "required, never asked for": (
        lambda jwks: [Host(blocks(jwks, "MTLSOAuthUseMutualTLS required") + location("/api"),
                           name="silent.example.test", verify=None)],
        ["SSLVerifyClient"]),
    "required in a Location, never asked for": (
        lambda jwks: [Host(blocks(jwks, "MTLSOAuthUseMutualTLS none")
                           + location("/api", "MTLSOAuthUseMutualTLS required"),
                           name="silent.example.test", verify="none")], ["SSLVerifyClient"]),
}

SOUND = {
    "all well": lambda jwks: [Host(blocks(jwks) + location("/api"))],
    "nothing configured": lambda jwks: [Host(), Host(tls=False)],
    "same issuers told apart": lambda jwks: [Host(
        issuer(ALPHA, jwks, "MTLSOAuthRemoteUserClaim upn sub") + issuer(BETA, jwks, "MTLSOAuthRemoteUserSuffix @b")
        + location("/api"))],
    "two blocks of one issuer": lambda jwks: [Host(
        issuer(ALPHA, jwks, name="a", audience="urn:a") + issuer(ALPHA, jwks, name="b", audience="urn:b")
        + location("/api"))],
    "clear text allowed": lambda jwks: [Host(
        blocks(jwks, "MTLSOAuthUseMutualTLS none") + location("/api", "MTLSOAuthRequireTLS off"), tls=False)],
    "host of clear text that only redirects": lambda jwks: [
        Host(blocks(jwks) + location("/api")), Host('Redirect "/" "https://localhost/"', tls=False)],
    "asked for in a Location": lambda jwks: [Host(
        blocks(jwks) + location("/api", "SSLVerifyClient optional_no_ca"), verify=None)],
    "nothing needs a certificate": lambda jwks: [Host(
        issuer(ALPHA, jwks, "MTLSOAuthUseMutualTLS none") + location("/api"), verify=None)],
}


def visit(server, hosts, pki, key):
    """Three requests to each host with a token, three without."""
    for host in hosts:
        context = tls_context(pki.authority.path) if host.tls else None
        connection = Connection(server.port if host.tls else server.plain_port, host.name, context)
        for token in (mint(key, claims(ALPHA)), None) * 3:
            connection.request(PATH, token)
        connection.close()


def warnings(server):
    """What the module warned of, refusals aside."""
    loud = (line for line in server.lines() if "[auth_mtls_oauth:warn]" in line or "[auth_mtls_oauth:error]" in line)
    return [line for line in loud if not re.search(r"\brefused \w+ iss=", line)]


# one child, so that a warning at first use has one process to be given in
ONE_CHILD = "ServerLimit 1\nStartServers 1\nThreadsPerChild 10\nMaxRequestWorkers 10\n"


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_warned_once(launch, pki, jwks, key, site):
    """One warning at start or first use, with the line to add; two where a request shows what was to be feared."""
    hosts, words = site[0](jwks), site[1:]
    server = launch(ONE_CHILD, hosts)
    visit(server, hosts, pki, key)
    told = warnings(server)
    assert len(told) == len(words) and all(word in line for line, each in zip(told, words) for word in each), told


def section(kind, *lines):
    return "\n".join([f"<{kind}>", *lines, f"</{kind.split()[0]}>"]) + "\n"


def protected(*lines):
    """A site where /api has these lines beside its AuthType."""
    return lambda jwks: [Host(blocks(jwks) + location("/api", *lines, require=""))]


SUCCESS = "%{SSL_CLIENT_VERIFY} == 'SUCCESS'"
BANNED = "\"'banned' -in oauth_claim('roles')\""

# what configtest warns of, and what a request that it is about gets
OPEN = {
    "all": ("Require all granted", "Require valid-user"), "methods": (section("Limit POST", "Require valid-user"),),
    "satisfied": ("Satisfy Any", "Allow from all", "Require valid-user"),
    "user": (section("RequireAll", "Require all granted", "Require not user root"),),
    "claims": (section("RequireAll", "Require all granted", f"Require not expr {BANNED}"),)}


def test_each_open_place_is_told_of(launch, connect, jwks):
    """What is warned of at start lets requests without a token in; each place is told of when it has, once."""
    text = blocks(jwks) + "".join(location(f"/{name}", *lines, require="") + f'Alias "/{name}" "{{root}}/api"\n'
                                  for name, lines in OPEN.items())
    server = launch(ONE_CHILD, [Host(text)], more=["access_compat"])
    assert len(warnings(server)) == len(OPEN)
    for name in list(OPEN) * 2:
        assert connect(server).request(f"/{name}/secret.txt").status == 200
    told = warnings(server)[len(OPEN):]
    assert [f"/{name}/secret.txt through" in line for name, line in zip(OPEN, told)] == [True] * len(OPEN), told
    assert len(told) == len(OPEN), told


def test_condition_on_claims_never_holds(launch, connect, jwks, key):
    """What the warning about <If> says; and the line that it says keeps the user out."""
    banned = mint(key, claims(ALPHA, roles=["banned"]))
    text = blocks(jwks) + location("/api", section(f"If {BANNED}", "Require all denied")) + location("/right", section(
        "RequireAll", "Require valid-user", f"Require not expr {BANNED}"), require="") + 'Alias "/right" "{root}/api"\n'
    server = launch(hosts=[Host(text)])
    assert connect(server).request("/api/secret.txt", banned).status == 200
    assert [connect(server).request("/right/secret.txt", token).status for token in (banned, mint(key, claims(ALPHA)), None)] == [403, 200, 401]


@pytest.mark.parametrize("hosts", SOUND.values(), ids=SOUND)
def test_sound_site_is_quiet(launch, pki, jwks, key, hosts):
    hosts = hosts(jwks)
    server = launch(ONE_CHILD, hosts)
    visit(server, hosts, pki, key)
    assert warnings(server) == []


@pytest.mark.parametrize("site", ["virtual host without TLS", "same users from two issuers"])
def test_configtest_still_passes(make_httpd, jwks, site):
    """A warning is no error."""
    code, said = make_httpd(hosts=SITES[site][0](jwks)).configtest()
    assert (code, "Syntax OK" in said) == (0, True), said


@pytest.mark.parametrize("site", [name for name in SITES if "another Require" not in name])
def test_dump_has_the_warnings(make_httpd, jwks, site):
    """`httpd -t -D DUMP_MTLS_OAUTH` prints every warning of the start too."""
    hosts, words = SITES[site][:2]
    said = doctor(make_httpd(hosts=hosts(jwks)))
    assert said.count("  warning: ") == 1 and "\nwarnings: 1\n" in said and all(word in said for word in words), said


def doctor(server):
    """What `httpd -t -D DUMP_MTLS_OAUTH` says, from its warnings on."""
    code, said = server.configtest("DUMP_MTLS_OAUTH")
    assert code == 0, said
    return said[said.index("\nwarnings: "):]


def site(*lines, verify="optional_no_ca", require="valid-user"):
    """A virtual host with two issuers, lines, and /api under the module."""
    return lambda jwks: [Host(blocks(jwks) + "\n".join(lines) + "\n" + location("/api", require=require), verify=verify)]


def place(path, *lines, tag="Location"):
    return "\n".join([f'<{tag} "{path}">', *lines, f"</{tag}>"]) + "\n"


def any_audience(*lines):
    return lambda jwks: [Host(issuer(ALPHA, jwks, "MTLSOAuthAudience any", *lines, audience="") + location("/api"))]


# the mistake -> (the site with it, words of its warning, the line that the warning says, the site with that line)
MENDED = {
    "no Require": (site(require=""), "no Require line that asks for a user", "Require valid-user", site()),
    "only addresses are asked": (site(require="ip 127.0.0.1"), "no Require line that asks for a user", "Require valid-user", site()),
    "client of no Require": (
        lambda jwks: [Host(place("/token", "AuthType TLS-Client-Auth", "MTLSOAuthOtherClients pass"))],
        "AuthType TLS-Client-Auth, but no Require", "Require valid-user",
        lambda jwks: [Host(place("/token", "AuthType TLS-Client-Auth", "MTLSOAuthOtherClients pass", "Require valid-user"))]),
    "a user of httpd's negated": (
        protected(section("RequireAll", "Require all granted", "Require not user root")), "no Require line that asks for a user",
        "Require valid-user", protected(section("RequireAll", "Require valid-user", "Require not user root"))),
    "a user of httpd's in RequireNone": (
        protected(section("RequireAll", "Require all granted", section("RequireNone", "Require user root"))),
        "no Require line that asks for a user", "Require valid-user",
        protected(section("RequireAll", "Require valid-user", section("RequireNone", "Require user root")))),
    "granted beside": (
        protected("Require all granted", "Require valid-user"), "Require all granted beside lines", "take out there: Require all granted",
        protected("Require valid-user")),
    "granted beside, in a section": (
        protected(section("RequireAny", "Require oauth-scope read", "Require all granted")), "Require all granted beside lines",
        "take out there: Require all granted", protected(section("RequireAny", "Require oauth-scope read"))),
    "two methods only": (
        protected(section("Limit GET POST", "Require valid-user")), "the methods of <Limit> only",
        "<LimitExcept GET POST>, Require all denied, </LimitExcept>",
        protected(section("Limit GET POST", "Require valid-user"), section("LimitExcept GET POST", "Require all denied"))),
    "satisfied by an address": (
        protected("Satisfy Any", "Allow from all", "Require valid-user"), "Satisfy Any with Allow from all", "Satisfy All",
        protected("Satisfy All", "Allow from all", "Require valid-user")),
    "a condition on claims": (
        protected("Require valid-user", section(f"If {BANNED}", "Require all denied")), "<If \"'banned' -in oauth_claim('roles')\"> is decided before",
        "Require not oauth-claim PATH VALUE",
        protected(section("RequireAll", "Require valid-user", "Require not oauth-claim roles banned"))),
    "another condition on what the module tells": (
        protected("Require valid-user", section("If \"%{QUERY_STRING} == 'x'\"", 'Header set X-A a'),
                  section("ElseIf \"-n %{reqenv:MTLS_OAUTH_SUBJECT}\"", 'Header set X-A b')), "<ElseIf", '"expr=..."',
        protected("Require valid-user", "Header set X-A \"expr=%{reqenv:MTLS_OAUTH_SUBJECT}\"")),
    "a condition on the user": (
        protected("Require valid-user", section("If \"%{REMOTE_USER} == 'root'\"", "Require all denied")), "is decided before there is a token",
        "Require expr %{REMOTE_USER} != '' && ...", protected("Require expr \"%{REMOTE_USER} != '' && %{REMOTE_USER} != 'root'\"")),
    "an expression about claims negated": (
        protected(section("RequireAll", "Require all granted", f"Require not expr {BANNED}")), "keeps out nobody who comes without one",
        "both in a <RequireAll>: Require valid-user",
        protected(section("RequireAll", "Require valid-user", f"Require not expr {BANNED}"))),
    "asked elsewhere": (
        site(place("/other", "SSLVerifyClient optional_no_ca"), verify=None), "in other places only",
        "SSLVerifyClient optional_no_ca", site()),
    "the host does not ask, the main server does": (
        site(verify="none"), "never asks", "SSLVerifyClient optional_no_ca", site()),
    "status for everybody": (
        site(place("/status", "SetHandler mtls-oauth-status")), "mtls-oauth-status, and everybody", "Require local",
        site(place("/status", "SetHandler mtls-oauth-status", "Require local"))),
    "metrics granted": (
        site(place("/m", "SetHandler mtls-oauth-metrics", "Require all granted")), "mtls-oauth-metrics, and everybody",
        "Require ip 192.0.2.0/24", site(place("/m", "SetHandler mtls-oauth-metrics", "Require ip 192.0.2.0/24"))),
    "any audience": (
        any_audience(), "MTLSOAuthAudience any", "MTLSOAuthUseMutualTLS required", any_audience("MTLSOAuthUseMutualTLS required")),
    "names to the back end": (
        site('RequestHeader set X-DN "%{SSL_CLIENT_S_DN}s"'), "goes by SSL_CLIENT_S_DN",
        "RequestHeader unset X-DN \"expr=%{SSL_CLIENT_VERIFY} != 'SUCCESS'\"",
        site('RequestHeader set X-DN "%{SSL_CLIENT_S_DN}s"', "RequestHeader unset X-DN \"expr=%{SSL_CLIENT_VERIFY} != 'SUCCESS'\"")),
    "names decide": (
        site(place("/old", "Require expr \"%{SSL_CLIENT_S_DN_CN} == 'billing'\"")), "goes by SSL_CLIENT_S_DN",
        f"Require expr \"{SUCCESS} && (%{{SSL_CLIENT_S_DN_CN}} == 'billing')\"",
        site(place("/old", f"Require expr \"{SUCCESS} && (%{{SSL_CLIENT_S_DN_CN}} == 'billing')\""))),
    "names decide, without quotes": (
        site(place("/old", "Require expr %{SSL_CLIENT_S_DN_CN} == 'billing'")), "goes by SSL_CLIENT_S_DN",
        f"Require expr \"{SUCCESS} && (%{{SSL_CLIENT_S_DN_CN}} == 'billing')\"",
        site(place("/old", f"Require expr \"{SUCCESS} && (%{{SSL_CLIENT_S_DN_CN}} == 'billing')\""))),
    "names decide, as mod_ssl has it": (
        site(place("/old", 'SSLRequire %{SSL_CLIENT_S_DN_O} eq "Example"')), "goes by SSL_CLIENT_S_DN",
        'SSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS" and (%{SSL_CLIENT_S_DN_O} eq "Example")',
        site(place("/old", 'SSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS" and (%{SSL_CLIENT_S_DN_O} eq "Example")'))),
    "users of names": (
        site("SSLUserName SSL_CLIENT_S_DN_CN"), "SSLUserName goes by SSL_CLIENT_S_DN_CN", "take it out", site()),
    "a condition on names": (
        site('RewriteEngine on', 'RewriteCond "%{SSL:SSL_CLIENT_S_DN}" "CN=billing"', 'RewriteRule "^/old" "-" [F]'),
        "RewriteCond goes by SSL_CLIENT_S_DN", "%{SSL_CLIENT_VERIFY} must be SUCCESS",
        site('RewriteEngine on', 'RewriteCond "%{SSL:SSL_CLIENT_VERIFY}" "=SUCCESS"',
             'RewriteCond "%{SSL:SSL_CLIENT_S_DN}" "CN=billing"', 'RewriteRule "^/old" "-" [F]')),
}


@pytest.mark.parametrize("wrong, words, line, right", MENDED.values(), ids=MENDED)
def test_the_line_mends_it(make_httpd, jwks, wrong, words, line, right):
    """One warning that says the line to write; and none where it is written."""
    main = "SSLVerifyClient optional_no_ca\n" if "never asks" in words else ""
    told = doctor(make_httpd(main, hosts=wrong(jwks), more=["access_compat"]))
    remedies = [text for text in told.splitlines() if text.startswith("    ")]
    assert told.count("  warning: ") == 1 and words in told and any(line in text for text in remedies), told
    assert doctor(make_httpd(main, hosts=right(jwks), more=["access_compat"])) == "\nwarnings: 0\nSyntax OK\n"


# what looks like it, and is none
MEANT = {
    "Require around": site(place("/", "Require valid-user"), require=""),
    "Require below": site(place("/api/inner", "Require valid-user"), require=""),
    "Require in an .htaccess": lambda jwks: [Host(blocks(jwks) + place(
        "{root}/api", "AuthType mTLS-OAuth", "AllowOverride AuthConfig", tag="Directory"))],
    "nobody gets in": site(require="all denied"),
    "a negated line of the module": protected(section("RequireAll", "Require all granted", "Require not oauth-client legacy")),
    "granted to one method": protected(section("Limit GET", "Require all granted"), section("LimitExcept GET", "Require valid-user")),
    "all methods but one": protected(section("LimitExcept GET", "Require valid-user")),
    "granted if": protected("Require valid-user", section("If \"%{QUERY_STRING} == 'x'\"", "Require all granted")),
    "methods that are denied": protected(section("Limit GET", "Require valid-user"), section("LimitExcept GET", "Deny from all")),
    "some addresses satisfy": protected("Satisfy Any", "Order deny,allow", "Deny from all", "Allow from 192.0.2.1", "Require valid-user"),
    "all addresses but one satisfy": protected("Satisfy Any", "Order allow,deny", "Allow from all", "Deny from 192.0.2.1", "Require valid-user"),
    "a claim negated, beside alternatives": protected(section(
        "RequireAll", section("RequireAny", "Require user a", "Require oauth-scope b"), section("RequireNone", f"Require expr {BANNED}"))),
    "a user of others in a condition": site(place("/other", section("If \"%{REMOTE_USER} == 'root'\"", "Require all denied"))),
    "an expression about the user": site(require="expr \"%{REMOTE_USER} == 'alice'\""),
    "pages that all of the host guards": site(place("/", "Require ip 192.0.2.1"), place("/status", "SetHandler mtls-oauth-status")),
    "pages that a pattern guards": site('<LocationMatch "^/(status|metrics)">\nRequire local\n</LocationMatch>',
                                        place("/status", "SetHandler mtls-oauth-status")),
    "names in the log": site('LogFormat "%{SSL_CLIENT_S_DN}x" names'),
    "names, with the verdict beside them": site('RequestHeader set X-DN "%{SSL_CLIENT_S_DN}s"',
                                                'RequestHeader set X-Verify "%{SSL_CLIENT_VERIFY}s"'),
    "names that are verified": site('RequestHeader set X-DN "%{SSL_CLIENT_S_DN}s"', verify="optional"),
    "any audience, but each Location one": lambda jwks: [Host(
        issuer(ALPHA, jwks, "MTLSOAuthAudience any", audience="") + location("/api", "MTLSOAuthAudience urn:api"))],
    "asked for the whole host": site(place("/other", "SSLVerifyClient require")),
}


@pytest.mark.parametrize("hosts", MEANT.values(), ids=MEANT)
def test_meant(make_httpd, jwks, hosts):
    assert doctor(make_httpd(hosts=hosts(jwks), more=["access_compat"])) == "\nwarnings: 0\nSyntax OK\n"


def test_remedies_keep_forged_names_out(launch, jwks, connect, pki):
    """The lines that the warnings about names say do what they say: a self-made certificate's names come nowhere."""
    lines = ['RequestHeader set X-DN "%{SSL_CLIENT_S_DN}s"',
             "RequestHeader unset X-DN \"expr=%{SSL_CLIENT_VERIFY} != 'SUCCESS'\"",
             'Header always set X-Seen "expr=%{req:X-DN}"',
             place("/old", f"Require expr \"{SUCCESS} && (%{{SSL_CLIENT_S_DN_CN}} != '')\"")]
    server = launch(hosts=site(*lines)(jwks), files={"public.txt": "x", "old/x.txt": "x", "api/secret.txt": "x"})
    forged, real = connect(server, pki.stranger), connect(server, pki.owner)
    assert (forged.request("/public.txt").header("X-Seen") or "", forged.request("/old/x.txt").status) == ("", 403)
    assert "CN" in real.request("/public.txt").header("X-Seen") and real.request("/old/x.txt").status == 200


def test_clock(make_httpd, jwks):
    """A clock that is behind a file of the configuration is told of; a file of this minute is not."""
    server = make_httpd(hosts=site()(jwks))
    assert "warnings: 0" in doctor(server)
    file = server.directory / "keys.jwks"
    shutil.copy(jwks, file)
    os.utime(file, (time.time() + 86400, time.time() + 86400))
    server.configure(hosts=site()(file))
    told = doctor(server)
    assert told.count("  warning: ") == 1 and f"{file} was written at" in told and "timedatectl set-ntp true" in told, told
