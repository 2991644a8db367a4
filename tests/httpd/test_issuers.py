"""Which block judges a token: several issuers, virtual hosts, inheritance, several blocks of one issuer."""

import itertools

import pytest

from support.blocks import issuer, location
from support.client import Connection, tls_context
from support.expect import admitted, refused
from support.keys import Key, write_jwks
from support.server import Host
from support.tokens import AUDIENCE, bound_to, claims, mint

ALPHA, BETA, GAMMA = ("https://alpha.example.test", "https://beta.example.test",
                      "http://gamma.example.test/adfs/services/trust")
PATH = "/api/secret.txt"


@pytest.fixture(scope="module")
def keys():
    """Three issuers whose keys have the same kid, and the key a virtual host gives its own alpha."""
    return {name: Key("ES256", kid="same") for name in ("alpha", "beta", "gamma", "own alpha")}


@pytest.fixture(scope="module")
def files(work, keys):
    return {name: write_jwks(work / f"{name.replace(' ', '-')}.json", key.jwk()) for name, key in keys.items()}


def accepting(*paths_and_names):
    """Locations that accept some issuers only, over the same files."""
    return "".join(f'Alias "{path}" "{{root}}/api"\n' + location(path, f"MTLSOAuthAcceptIssuers {names}")
                   for path, names in paths_and_names)


@pytest.fixture(scope="module")
def server(launch, files):
    main = (issuer(ALPHA, files["alpha"]) + issuer(BETA, files["beta"], "MTLSOAuthRemoteUserSuffix @beta")
            + location("/api"))
    one = accepting(("/alpha-only", f'"{ALPHA}"'), ("/both", f'"{ALPHA}" "{BETA}"'))
    own = issuer(ALPHA, files["own alpha"], audience="urn:own") + accepting(("/beta-only", BETA))
    blocks = (issuer(GAMMA, files["gamma"], "MTLSOAuthUseMutualTLS none", name="readers", audience="urn:read")
              + issuer(GAMMA, files["gamma"], "MTLSOAuthUseMutualTLS required", name="writers", audience="urn:write")
              + issuer(GAMMA, files["gamma"], "MTLSOAuthRemoteUserSuffix @owners", name="owners", audience="urn:own"))
    named = accepting(("/readers", "readers"), ("/read-own", "readers owners"), ("/gamma", GAMMA),
                      ("/mixed", f"{ALPHA} writers"))
    return launch(main, [Host(one), Host(own, name="own.example.test"),
                         Host(blocks + named, name="blocks.example.test")])


@pytest.fixture
def ask(server, connect, keys):
    """One request at a host with a token signed by one of the keys."""
    def send(iss, signer, host="localhost", path=PATH, **changes):
        return connect(server, host=host).request(path, mint(keys[signer], claims(iss, **changes)))
    return send


def test_inherited_blocks(ask):
    """A virtual host without blocks has those of the main server."""
    admitted(ask(ALPHA, "alpha"))
    admitted(ask(BETA, "beta"), user="alice@beta")


def test_keys_belong_to_their_issuer(ask):
    """RFC 8725 section 3.8: the same kid at two issuers is two keys; none is tried for the other."""
    refused(ask(ALPHA, "beta"), "signature_invalid")
    refused(ask(BETA, "alpha"), "signature_invalid")
    refused(ask(ALPHA, "gamma"), "signature_invalid")


def test_unknown_here(ask):
    """An issuer of another virtual host is unknown."""
    refused(ask(GAMMA, "gamma", aud="urn:read"), "issuer_unknown")
    admitted(ask(GAMMA, "gamma", "blocks.example.test", aud="urn:read"))


def test_own_block_hides_the_inherited(ask):
    """A virtual host that writes any block for an ISS hides all inherited blocks of that ISS, and no other."""
    host = "own.example.test"
    admitted(ask(ALPHA, "own alpha", host, aud="urn:own"))
    refused(ask(ALPHA, "alpha", host, aud="urn:own"), "signature_invalid", realm=host)
    refused(ask(ALPHA, "own alpha", host), "audience_mismatch", realm=host)
    refused(ask(ALPHA, "own alpha", aud="urn:own"), "audience_mismatch", "signature_invalid")
    admitted(ask(BETA, "beta", host), user="alice@beta")


def test_accepted_issuers(ask):
    """MTLSOAuthAcceptIssuers by ISS: a configured issuer that this Location does not take."""
    admitted(ask(ALPHA, "alpha", path="/alpha-only/secret.txt"))
    refused(ask(BETA, "beta", path="/alpha-only/secret.txt"), "issuer_not_accepted")
    refused(ask("https://nobody.example.test", "beta", path="/alpha-only/secret.txt"), "issuer_unknown",
            "issuer_not_accepted")
    for iss, signer, user in ((ALPHA, "alpha", "alice"), (BETA, "beta", "alice@beta")):
        admitted(ask(iss, signer, path="/both/secret.txt"), user=user)
    host = "own.example.test"
    refused(ask(ALPHA, "own alpha", host, "/beta-only/secret.txt", aud="urn:own"), "issuer_not_accepted", realm=host)
    admitted(ask(BETA, "beta", host, "/beta-only/secret.txt"), user="alice@beta")


# aud, path -> user when admitted, else the code
BLOCK_ROWS = [
    ("urn:read", PATH, "alice"), ("urn:write", PATH, "binding_missing"), ("urn:own", PATH, "alice@owners"),
    (["urn:read", "urn:x"], PATH, "alice"), (["urn:read", "urn:write"], PATH, "audience_mismatch"),
    ("urn:x", PATH, "audience_mismatch"), ("urn:read", "/readers/secret.txt", "alice"),
    ("urn:write", "/readers/secret.txt", "audience_mismatch"),
    (["urn:read", "urn:write"], "/readers/secret.txt", "alice"),
    (["urn:own", "urn:write"], "/readers/secret.txt", "audience_mismatch"),
    (["urn:own", "urn:write"], "/read-own/secret.txt", "alice@owners"),
    (["urn:own", "urn:read"], "/read-own/secret.txt", "audience_mismatch"), ("urn:read", "/gamma/secret.txt", "alice"),
    ("urn:write", "/gamma/secret.txt", "binding_missing"),
    (["urn:read", "urn:own"], "/gamma/secret.txt", "audience_mismatch"),
    ("urn:write", "/mixed/secret.txt", "binding_missing"), ("urn:read", "/mixed/secret.txt", "audience_mismatch")]


@pytest.mark.parametrize("aud, path, wanted", BLOCK_ROWS, ids=str)
def test_several_blocks_of_one_issuer(ask, aud, path, wanted):
    """Of the blocks the Location accepts and whose audience is in the token exactly one must remain."""
    host = "blocks.example.test"
    answer = ask(GAMMA, "gamma", host, path, aud=aud)
    if wanted.startswith("alice"):
        admitted(answer, user=wanted)
    else:
        refused(answer, wanted, realm=host)


def test_named_blocks_beside_inherited_ones(ask):
    host = "blocks.example.test"
    admitted(ask(ALPHA, "alpha", host))
    admitted(ask(ALPHA, "alpha", host, "/mixed/secret.txt"))
    refused(ask(BETA, "beta", host, "/mixed/secret.txt"), "issuer_not_accepted", realm=host)


def test_token_seen_at_one_host_is_new_at_another(ask):
    """What one virtual host admitted says nothing at the next."""
    for _ in range(3):
        admitted(ask(ALPHA, "alpha"))
        refused(ask(ALPHA, "alpha", "own.example.test"), "audience_mismatch", "signature_invalid",
                realm="own.example.test")


def test_host_field_decides(server, connect, keys):
    """A request for another virtual host over this connection is judged there, or sent away by httpd (421)."""
    token = mint(keys["alpha"], claims(ALPHA))
    connection = connect(server)
    admitted(connection.request(PATH, token))
    request = f"GET {PATH} HTTP/1.1\r\nHost: own.example.test\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    answer = connection.raw(request)
    assert answer.status == 421 or answer.refusal in ("audience_mismatch", "signature_invalid"), answer


# main default, virtual host default, value in the block -> the policy in force; "unset" writes no line
DEFAULTS = ["unset", "none", "required"]
BLOCKS = ["unset", "none", "request", "required"]
FINISHED = [(main, host, block, next((value for value in (block, host, main) if value != "unset"), "request"))
            for main, host, block in itertools.product(DEFAULTS, DEFAULTS, BLOCKS)]


@pytest.fixture(scope="module")
def finished(launch, files):
    """A server for each main default; its hosts differ in their defaults, its blocks in their own values."""
    def line(value):
        return "" if value == "unset" else f"MTLSOAuthUseMutualTLS {value}\n"

    def blocks(prefix):
        return "".join(issuer(f"https://{prefix}-{value}.example.test", files["alpha"], line(value).strip())
                       for value in BLOCKS)
    return {main: launch(line(main) + blocks("inherited") + location("/api"),
                         [Host(line(host) + blocks("written"), name=f"{host}.example.test") for host in DEFAULTS])
            for main in DEFAULTS}


@pytest.mark.parametrize("where", ["inherited", "written"])
@pytest.mark.parametrize("main, host, block, policy", FINISHED)
def test_finishing(finished, connect, keys, pki, main, host, block, policy, where):
    """A value comes from the block, then its server, then the main server, then the default."""
    connection = connect(finished[main], host=f"{host}.example.test")
    iss = f"https://{where}-{block}.example.test"
    plain = connection.request(PATH, mint(keys["alpha"], claims(iss)))
    bound = connection.request(PATH, mint(keys["alpha"], claims(iss, cnf=bound_to(pki.owner))))
    wanted = {"none": (None, None), "request": (None, "certificate_missing"),
              "required": ("binding_missing", "certificate_missing")}
    assert (plain.refusal, bound.refusal) == wanted[policy]


def test_reload(launch, work, pki, jwks, key):
    """A graceful restart brings the new configuration and the new keys, and ends the old ones."""
    def ask(token):
        connection = Connection(server.port, "localhost", tls_context(pki.authority.path))
        answer = connection.request(PATH, token)
        connection.close()
        return answer

    successor = Key("ES256", kid="next")
    file = write_jwks(work / "rotated.json", key.jwk())
    text = issuer(ALPHA, file) + location("/api")
    server = launch(hosts=[Host(text)])
    old, new = mint(key, claims(ALPHA)), mint(successor, claims(ALPHA))
    admitted(ask(old))
    refused(ask(new), "key_unknown")
    write_jwks(file, successor.jwk())
    server.reload()
    admitted(ask(new))
    refused(ask(old), "key_unknown")
    server.configure(hosts=[Host(text.replace(AUDIENCE, "urn:new"))])
    server.reload()
    refused(ask(new), "audience_mismatch")
    admitted(ask(mint(successor, claims(ALPHA, aud="urn:new"))))


def test_many_reloads(launch, pki, jwks, key):
    """Children come and go without a crash; requests between are answered."""
    server = launch(hosts=[Host(issuer(ALPHA, jwks) + location("/api"))])
    for _ in range(5):
        server.reload()
        connection = Connection(server.port, "localhost", tls_context(pki.authority.path))
        admitted(connection.request(PATH, mint(key, claims(ALPHA))))
        connection.close()
