#!/usr/bin/env python3
"""seeds.py FOLDER TOOL: writes the seeds of the fuzz targets that are checked in as tests/fuzz/seeds, with TOOL mtls-oauth.

Keys and certificates are made for this run and their private parts forgotten, so a second run gives other bytes of the same
kind. FOLDER/TARGET/NAME is one input of tests/fuzz/fuzz_TARGET.c, whose first comment tells its form."""

import base64
import datetime
import ipaddress
import json
import pathlib
import subprocess
import sys
import tempfile

NOW = 1700000000  # as in tests/unit/support.h
ISSUER = "https://as.example"
AUDIENCE = "https://api.example"

RSA, EC, EDWARDS = "RS256", "ES256", "EdDSA"


class Folder:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.written = set()

    def add(self, target, name, *parts):
        """One seed, unless it is there under another name; parts: texts or bytes, one behind the other."""
        content = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        if (target, content) in self.written:
            return
        self.written.add((target, content))
        path = self.root / target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def b64(data, url=False):
    return (base64.urlsafe_b64encode(data).rstrip(b"=") if url else base64.b64encode(data)).decode()


class Tool:
    """mtls-oauth, with keys in a folder that is removed in the end."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = pathlib.Path(folder)

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], check=True, capture_output=True, text=True).stdout

    def key(self, alg):
        """The private key's file, and the public JWK Set."""
        path = self.folder / f"{alg}.jwk"
        public = self.folder / f"{alg}.jwks"
        if not path.exists():
            self.run("keygen", "--alg", alg, "--kid", f"key-{alg}", "--out", str(path), "--public", str(public))
        return str(path), public.read_text().strip()

    def token(self, alg, *options):
        return self.run("mint", "--key", self.key(alg)[0], "--issuer", ISSUER, "--audience", AUDIENCE, "--subject", "alice",
                        "--at", str(NOW), *options).strip()


def certificate(subject, names=(), **options):
    """A self-signed certificate in DER; its key is forgotten."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    start = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
               .serial_number(options.get("serial", 7)).not_valid_before(start - datetime.timedelta(days=1))
               .not_valid_after(start + datetime.timedelta(days=1)))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if options.get("ca"):
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    jwk = {"kty": "EC", "crv": "P-256"}
    numbers = key.public_key().public_numbers()
    for member in ("x", "y"):
        jwk[member] = b64(getattr(numbers, member).to_bytes(32, "big"), url=True)
    return made.public_bytes(serialization.Encoding.DER), jwk


def pem(der, label="CERTIFICATE"):
    text = b64(der)
    return f"-----BEGIN {label}-----\n" + "".join(text[i:i + 64] + "\n" for i in range(0, len(text), 64)) + \
        f"-----END {label}-----\n"


def certificates():
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    plain = certificate([(NameOID.COMMON_NAME, "reports")])
    full = certificate(
        [(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Example, Corp"), (NameOID.COMMON_NAME, "rep\u00f6rts")],
        [x509.DNSName("app.example"), x509.DNSName("*.app.example"), x509.UniformResourceIdentifier("urn:app:1"),
         x509.IPAddress(ipaddress.ip_address("192.0.2.7")), x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
         x509.RFC822Name("app@mail.example")])
    return plain, full


def compact_jws(folder, tool):
    for alg in (RSA, "PS256", EC, "ES384", "ES512", EDWARDS, "Ed448"):
        folder.add("jws", f"good-{alg}", tool.token(alg), "\n", tool.key(alg)[1])
    token, keys = tool.token(EC), tool.key(EC)[1]
    folder.add("jws", "another-key", token, "\n", tool.key(EDWARDS)[1])
    folder.add("jws", "no-kid", tool.token(EC, "--kid", ""), "\n", keys)
    header, payload, signature = token.split(".")
    folder.add("jws", "empty-signature", f"{header}.{payload}.\n", keys)
    folder.add("jws", "four-segments", f"{token}.x\n", keys)
    folder.add("jws", "padded", f"{header}.{payload}.{signature}==\n", keys)
    for name, text in (("none", '{"alg":"none"}'), ("hs256", '{"alg":"HS256"}'), ("crit", '{"alg":"ES256","crit":["b64"]}'),
                       ("b64", '{"alg":"ES256","b64":false}'), ("jwe", '{"alg":"RSA-OAEP","enc":"A256GCM"}'),
                       ("kid-number", '{"alg":"ES256","kid":1}'), ("alg-twice", '{"alg":"ES256","alg":"none"}'),
                       ("deep", '{"alg":"ES256","x":' + "[" * 40 + "]" * 40 + "}")):
        folder.add("jws", f"header-{name}", f"{b64(text.encode(), url=True)}.{payload}.{signature}\n", keys)


def key_sets(folder, tool):
    sets = [json.loads(tool.key(alg)[1])["keys"][0] for alg in (RSA, EC, "ES384", "ES512", EDWARDS, "Ed448")]
    folder.add("jwks", "all-kinds", json.dumps({"keys": sets}))
    for jwk in sets:
        folder.add("jwks", f"one-{jwk.get('crv', jwk['kty'])}", json.dumps({"keys": [jwk]}))
    ec = sets[1]
    odd = {"private": {**ec, "d": "AAAA"}, "symmetric": {"kty": "oct", "k": "AAAA"}, "encryption": {**ec, "use": "enc"},
           "operations": {**ec, "key_ops": ["verify", "sign"]}, "alg-contradicts": {**ec, "alg": "RS256"},
           "alg-unknown": {**ec, "alg": "ES256K"}, "kid-number": {**ec, "kid": 5}, "not-on-curve": {**ec, "x": ec["y"]},
           "short": {**ec, "x": ec["x"][:-2]}, "no-kid": {k: v for k, v in ec.items() if k != "kid"},
           "small-exponent": {**sets[0], "e": "AQ"}, "leading-zero": {**sets[0], "n": "AAAA" + sets[0]["n"]},
           "ed25519-zero": {**sets[4], "x": "A" * 43}, "ed25519-order-8": {
               **sets[4], "x": b64(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), url=True)}}
    for name, jwk in odd.items():
        folder.add("jwks", name, json.dumps({"keys": [jwk]}))
    folder.add("jwks", "same-kid", json.dumps({"keys": [ec, ec, {**sets[2], "kid": ec.get("kid")}]}))
    folder.add("jwks", "no-array", '{"keys":{}}')
    folder.add("jwks", "empty", '{"keys":[]}')


def claims(folder, _tool):
    good = {"iss": ISSUER, "aud": [AUDIENCE, "x"], "sub": "alice", "exp": NOW + 300, "iat": NOW, "nbf": NOW - 1.5,
            "scope": "read write", "realm_access": {"roles": ["admin", 1, True]}}
    thumbprint = "A" * 43
    rows = {"good": good, "bound": {**good, "cnf": {"x5t#S256": thumbprint}},
            "bound-and-more": {**good, "cnf": {"x5t#S256": thumbprint, "new": 1}},
            "cnf-hex": {"cnf": {"x5t#S256": "0" * 64}}, "cnf-padded": {"cnf": {"x5t#S256": thumbprint + "="}},
            "cnf-not-canonical": {"cnf": {"x5t#S256": "A" * 42 + "B"}}, "cnf-short": {"cnf": {"x5t#S256": "AAAA"}},
            "cnf-jkt": {"cnf": {"jkt": thumbprint, "x5t#S256": thumbprint}}, "cnf-empty": {"cnf": {}},
            "cnf-text": {"cnf": thumbprint}, "cnf-null": {"cnf": None}, "aud-text": {"aud": AUDIENCE}, "aud-number": {"aud": 1},
            "aud-mixed": {"aud": ["a", 1]}, "exp-far": {"exp": 2 ** 62}, "exp-negative": {"exp": -1}, "exp-text": {"exp": "1"},
            "exp-large": {"exp": 1e300}, "scp": {"scp": ["read", "write"]}, "iss-number": {"iss": 7},
            "controls": {"sub": "a\u0001b", "x": ["\u0085"], "y": {"\u007f": 1}, "z": ["\u007f"], "jti": "\u007f"},
            "numbers": {"a": [1, -1, 1.5, 1e-7, True, None, [], {}, [[["x"]]]]}}
    for name, payload in rows.items():
        folder.add("claims", name, "realm_access.roles\n", json.dumps(payload))
    folder.add("claims", "path-with-dots", r"https://x\.example/roles.a\\b" + "\n", json.dumps(good))
    folder.add("claims", "path-empty-name", "a..b\n", "{}")
    folder.add("claims", "no-object", "a\n", "[]")


def encodings(folder, _tool):
    for name, text in (("canonical", "TWFu"), ("one", "TQ"), ("two", "TWE"), ("trailing-bits", "TR"), ("url", "-_-_"),
                       ("plus", "+/+/"), ("padded", "TQ=="), ("padded-bits", "TR=="), ("impossible", "T"), ("space", "TW Fu"),
                       ("high", "\u00e4"), ("empty", "")):
        folder.add("base64url", name, text)


def documents(folder, _tool):
    for name, text in (("object", '{"a":{"b":[1,2.5e3,"\\u00e4",null,true]}}'), ("array", '[{"a":1}, {"b":[{}]} ,{}]'),
                       ("twice", '{"a":1,"\\u0061":2}'), ("twice-inside", '[{"a":[{"x":1,"x":1}]}]'), ("trailing", "{} x"),
                       ("deep", '{"a":' * 31 + "{}" + "}" * 31), ("too-deep", '{"a":' * 32 + "{}" + "}" * 32),
                       ("array-deep", "[" + '{"a":' * 30 + "{}" + "}" * 30 + "]"),
                       ("array-too-deep", "[" + '{"a":' * 31 + "{}" + "}" * 31 + "]"), ("brackets-in-text", '{"a":"}]\\"{["}'),
                       ("nul", '{"a":"\\u0000"}'), ("not-utf-8", b'{"a":"\xff"}'), ("surrogate", '{"a":"\\ud800"}'),
                       ("large-number", '{"a":99999999999999999999}'), ("comma", "[{},]"), ("numbers", "[1,2]"), ("empty", ""),
                       ("empty-array", " [ ] "), ("unclosed", '[{"a":"'), ("mixed", '[{},[{}],"x"]')):
        folder.add("json", name, text)


def certificate_names(folder, _tool):
    plain, full = certificates()
    for name, value, der in (("plain", "CN=reports", plain[0]), ("other-case", "cn = REPORTS", plain[0]),
                             ("dn", "CN=rep\\C3\\B6rts,O=Example\\, Corp,C=DE", full[0]), ("dns", "APP.example", full[0]),
                             ("uri", "urn:app:1", full[0]), ("ip", "2001:db8::7", full[0]), ("email", "app@MAIL.example", full[0]),
                             ("cut", "CN=reports", plain[0][:-1])):
        folder.add("names", f"der-{name}", "0", value, "\n", der)
    dns, uri, ip, email, subject = range(5)
    utf8, ia5, bmp = range(3)
    for name, value, names in (
            ("dns", "app.example", [(dns, 0, "APP.example"), (dns, 0, "other")]), ("wildcard", "a.example", [(dns, 0, "*.example")]),
            ("dns-nul", "app.example", [(dns, 0, "app.example\0.evil")]), ("dns-longer", "app.example", [(dns, 0, "app.example.")]),
            ("dns-as-email", "app.example", [(email, 0, "app.example")]), ("uri", "urn:a", [(uri, 0, "urn:a")]),
            ("uri-case", "urn:a", [(uri, 0, "URN:a")]), ("ip", "192.0.2.7", [(ip, 0, b"\xc0\x00\x02\x07")]),
            ("ip6", "::1", [(ip, 0, bytes(15) + b"\x01")]), ("ip-long", "192.0.2.7", [(ip, 0, b"\xc0\x00\x02\x07\x00")]),
            ("email", "a@b", [(email, 0, "a@B")]), ("email-case", "a@b", [(email, 0, "A@b")]),
            ("cn", "CN=alice", [(subject, utf8, "alice")]), ("bmp", "CN=ab", [(subject, bmp, b"\x00a\x00b")]),
            ("cn-nul", "CN=a", [(subject, ia5, "a\0b")]), ("two", "O=x,CN=y", [(subject, utf8, "y"), (subject, 5, "x")]),
            ("blanks", "CN=a  b", [(subject, utf8, " A B ")]), ("no-oid", "KxGOST18=a", [(subject, utf8, "a")]),
            ("controls", "CN=a", [(subject, utf8, "a\u0001\u007f\u0085"), (dns, 0, "a\u0001"), (uri, 0, b"\xff")])):
        lines = [bytes([kind, string]) + (text if isinstance(text, bytes) else text.encode()) for kind, string, text in names]
        folder.add("names", f"made-{name}", "1", value, "\n", b"\n".join(lines), "\n")


def client_files(folder, _tool):
    der, jwk = certificates()[0]
    tls = {"client_id": "reports", "token_endpoint_auth_method": "tls_client_auth"}
    own = {"client_id": "self", "token_endpoint_auth_method": "self_signed_tls_client_auth"}
    jwk = {**jwk, "kid": "k", "x5c": [b64(der)]}
    rows = {"dn": [{**tls, "tls_client_auth_subject_dn": "CN=leaf"}],
            "names": [{**tls, "client_id": str(i), f"tls_client_auth_san_{kind}": value} for i, (kind, value) in enumerate(
                (("dns", "app.example"), ("uri", "urn:app"), ("ip", "192.0.2.7"), ("email", "a@b.example")))],
            "two-names": [{**tls, "tls_client_auth_subject_dn": "CN=x", "tls_client_auth_san_dns": "x"}],
            "no-name": [tls], "null": [{**tls, "tls_client_auth_subject_dn": "CN=x", "tls_client_auth_san_dns": None}],
            "self-signed": [{**own, "jwks": {"keys": [jwk]}}],
            "shown": [{**own, "jwks": {"keys": [{**jwk, "x": "@x", "y": "@y", "x5c": ["@c"]}]}}],
            "shown-other-key": [{**own, "jwks": {"keys": [{**jwk, "x5c": ["@c"]}]}}],
            "shown-key-other-certificate": [{**own, "jwks": {"keys": [{**jwk, "x": "@x", "y": "@y"}]}}],
            "shown-second": [{**own, "jwks": {"keys": [jwk, {**jwk, "x": "@x", "y": "@y", "x5c": ["@c", "AA"]}]}}],
            "key-id": [{**own, "self_signed_certificate_key_id": "k", "jwks": {"keys": [jwk, {**jwk, "kid": "l"}]}}],
            "key-id-unknown": [{**own, "self_signed_certificate_key_id": "z", "jwks": {"keys": [jwk]}}],
            "jwks-uri": [{**own, "jwks_uri": "https://x.example/jwks"}], "private": [{**own, "jwks": {"keys": [{**jwk, "d": "AA"}]}}],
            "x5c-bad": [{**own, "jwks": {"keys": [{**jwk, "x5c": ["!"]}]}}], "secret": [{"client_id": "s", "client_secret": "x"}],
            "no-method": [{"client_id": "s"}], "twice": [{"client_id": "s"}, {"client_id": "s"}], "no-id": [{"x": 1}],
            "id-control": [{"client_id": "a\u0001"}], "id-long": [{"client_id": "a" * 513}], "empty": [], "object": {},
            "not-objects": [1]}
    for name, clients in rows.items():
        folder.add("clients", name, json.dumps(clients))


def forms(folder, _tool):
    for name, text in (("one", "client_id=app&grant_type=client_credentials"), ("twice", "client_id=a&client_id=b"),
                       ("escaped-name", "client%5Fid=a"), ("plus", "client_id=a+b%20c"), ("bad-escape", "client_id=%4"),
                       ("nul", "client_id=a%00b"), ("case", "Client_ID=a"), ("php", "client.id=a"), ("array", "client_id[]=a"),
                       ("blank", "+client_id=a"), ("semicolon", "x=1;client_id=a"), ("semicolon-first", "client_id;x=1"), ("semicolon-value", "client_id=a;x=1"),
                       ("semicolon-escaped", "x=1%3Bclient_id=a"),
                       ("secret", "client_id=a&client_secret=b&client_assertion=c"), ("no-value", "client_id"),
                       ("empty-value", "client_id="), ("ampersands", "&&client_id=a&&"), ("empty", ""), ("high", b"client_id=\xff")):
        folder.add("form", name, text)


def seals(folder, _tool):
    key = b64(bytes(range(32)))
    folder.add("seal", "keys-one", "0", key, "\n")
    folder.add("seal", "keys-two", "0# since May\n", key, " # first\r\n\t", "v" * 43)
    folder.add("seal", "keys-three", "0", (key + "\n") * 3)
    folder.add("seal", "keys-short", "0short\n")
    folder.add("seal", "keys-high", b"0\xff" * 60)
    folder.add("seal", "found-short", b"1\x01")
    folder.add("seal", "found", b"1\x01" + bytes(80))
    folder.add("seal", "sealed", '2\n{"active":true}')
    for name, edit in (("version", b"\x00\x00\x00\x02"), ("nonce", b"\x00\x00\x05\x00"), ("times", b"\x00\x00\x10\x00"),
                       ("cut", b"\x03\x00\x28\x00"), ("longer", b"\x01\x00\x20\x00"), ("shorter", b"\x02\x00\x20\x00")):
        folder.add("seal", f"changed-{name}", "2", edit, '\n{"active":true}')


GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "app", "exp": NOW + 300, "iat": NOW, "jti": "1",
        "a": {"b": 1}}


def tokens(folder, _tool):
    rows = {"good": GOOD, "unbound-required": {**GOOD, "cnf": {"x5t#S256": "A" * 43}}, "expired": {**GOOD, "exp": NOW - 100},
            "no-exp": {k: v for k, v in GOOD.items() if k != "exp"}, "not-yet": {**GOOD, "nbf": NOW + 100},
            "long": {**GOOD, "exp": NOW + 10 ** 6}, "other-issuer": {**GOOD, "iss": "https://other.example"},
            "other-audience": {**GOOD, "aud": ["x", "https://other.example"]}, "id-token": {**GOOD, "at_hash": "x"},
            "logout": {**GOOD, "events": {}}, "typ-claim": {**GOOD, "typ": "Refresh"}, "denied": {**GOOD, "jti": "denied"},
            "denied-sub": {**GOOD, "sub": "denied"}, "dpop": {**GOOD, "cnf": {"jkt": "A" * 43}},
            "number": {**GOOD, "sub": 42}, "user-control": {**GOOD, "sub": "a\u0007"}, "user-path": {
                **GOOD, "user": {"name": "bob"}}, "scopes": {**GOOD, "scope": ["a", "b"]}, "list": []}
    for i, (name, payload) in enumerate(rows.items()):
        # 0: signed; then the algorithm, 9 for EdDSA, and the block
        folder.add("token", f"signed-{name}", b"\x00", bytes([9, i % 6]), "\n", json.dumps(payload))
    for block in range(6):
        header = json.dumps({"alg": "EdDSA", "typ": "at+jwt"})
        for name, payload in (("unbound", GOOD), ("bound", {**GOOD, "cnf": {"x5t#S256": "A" * 43}}), ("jkt", {**GOOD, "cnf": {"jkt": "x"}}),
                              ("malformed", {**GOOD, "cnf": {"x5t#S256": "A"}})):
            folder.add("token", f"{name}-{block}", b"\x00", bytes([9, block]), header, "\n", json.dumps(payload))
    for algorithm in range(12):
        folder.add("token", f"signed-by-{algorithm}", b"\x00", bytes([algorithm, algorithm % 6]), "\n", json.dumps(GOOD))
        folder.add("token", f"unchanged-{algorithm}", b"\x01", bytes([algorithm]))
        folder.add("token", f"changed-{algorithm}", b"\x01", bytes([algorithm]), b"\x00\x00\x70A")
        folder.add("token", f"mixed-{algorithm}", b"\x02", bytes([algorithm, (algorithm + 1) % 12, algorithm]))
        folder.add("token", f"mixed-other-{algorithm}", b"\x02", bytes([algorithm, algorithm, (algorithm + 1) % 12]))
    for name, header in (("at-jwt", {"alg": "EdDSA", "typ": "at+jwt"}), ("application", {"alg": "EdDSA", "typ": "application/JWT"}),
                         ("typ-other", {"alg": "EdDSA", "typ": "dpop+jwt"}), ("kid-other", {"alg": "EdDSA", "kid": "x"}),
                         ("kid-of-another", {"alg": "EdDSA", "kid": "p256"}), ("alg-other", {"alg": "ES256"}),
                         ("alg-none", {"alg": "none"}), ("ed25519", {"alg": "Ed25519", "kid": "ed25519"}),
                         ("ed448", {"alg": "Ed448"}), ("jwk", {"alg": "EdDSA", "jwk": {"kty": "OKP"}})):
        for block in (0, 1, 2):
            folder.add("token", f"header-{name}-{block}", b"\x00", bytes([9, block]), json.dumps(header), "\n", json.dumps(GOOD))
    folder.add("token", "rs-by-ps", b"\x00\x00\x00", '{"alg":"PS256"}\n', json.dumps(GOOD))
    header = b64(b'{"alg":"EdDSA"}', url=True)
    folder.add("token", "made-up", b"\x03", f"{header}.{b64(json.dumps(GOOD).encode(), url=True)}.AAAA")
    folder.add("token", "opaque", b"\x03", "2YotnFZFEjr1zCsicMWpAA")
    folder.add("token", "quote", b"\x03", 'a"b')


def answers(folder, _tool):
    good = {"active": True, "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "app", "exp": NOW + 300,
            "jti": "1", "a": {"b": 1}}
    rows = {"good": good, "inactive": {"active": False}, "active-text": {**good, "active": "true"}, "active-1": {**good, "active": 1},
            "no-active": {"sub": "alice"}, "few": {"active": True, "sub": "alice", "aud": AUDIENCE},
            "bound": {**good, "cnf": {"x5t#S256": "A" * 43}}, "cnf-empty": {**good, "cnf": {}}, "dpop": {**good, "token_type": "dpop"},
            "refresh": {**good, "token_use": "refresh_token"}, "other-issuer": {**good, "iss": "x"}, "expired": {**good, "exp": 1},
            "no-user": {"active": True}, "iss-number": {**good, "iss": 1}, "at-hash": {**good, "at_hash": "x"}, "list": []}
    for name, answer in rows.items():
        for block, jwt in ((0, 0), (3, 0), (4, 1), (4, 2), (5, 0)):
            folder.add("answer", f"{name}-{block}{jwt}", bytes([block, jwt]), json.dumps(answer))


def chains(folder, _tool):
    folder.add("chain", "good", b"\x01")
    for i, position in enumerate((4, 20, 60, 100, 200, 300)):
        folder.add("chain", f"changed-{i}", b"\x01\x00", position.to_bytes(2, "big"), b"\x01")
    folder.add("chain", "cut", b"\x01\x03\x00\x80\x00")
    plain, full = certificates()
    folder.add("chain", "self-signed", b"\x00", plain[0])
    folder.add("chain", "self-signed-names", b"\x00", full[0])
    folder.add("chain", "long-names", b"\x00", certificate(long_subject())[0])
    folder.add("chain", "long-names-odd", b"\x00", certificate(long_subject("x"))[0])
    folder.add("chain", "ca", b"\x00", certificate(certificate_subject(), ca=True)[0])


def long_subject(begin=""):
    """Longer than what is shown of it, in characters of two bytes: one of them is cut, with this begin or without."""
    from cryptography.x509.oid import NameOID
    return [(NameOID.ORGANIZATION_NAME, begin + "\u00f6" * 60)]


def certificate_subject():
    from cryptography.x509.oid import NameOID
    return [(NameOID.COMMON_NAME, "Root")]


def fields(folder, _tool):
    der = certificates()[0][0]
    text, one_line = pem(der), pem(der).replace("\n", " ")
    escaped = text.replace("+", "%2B").replace("\n", "%0A").replace("=", "%3D").replace("/", "%2F").replace(" ", "%20")
    rows = ((0, "rfc9440", f":{b64(der)}:"), (0, "rfc9440-list", f":{b64(der)}:, :{b64(der)}:"), (0, "no-colon", b64(der)),
            (0, "cut", f":{b64(der[:-1])}:"), (0, "colons", "::"), (1, "pem", one_line), (1, "pem-two", one_line + one_line),
            (1, "null", "(null)"), (1, "tabs", text.replace("\n", "\t")), (2, "escaped", escaped), (2, "plain", text),
            (2, "bad-escape", escaped + "%4"), (2, "nul", escaped + "%00"), (3, "der", b64(der)), (3, "unpadded", b64(der).rstrip("=")),
            (3, "spaces", b64(der) + " "), (3, "one-byte", "MA=="), (3, "empty", ""))
    for number, name, field in rows:
        folder.add("field", name, bytes([number]), field)


def metadata(folder, _tool):
    good = {"issuer": ISSUER, "jwks_uri": ISSUER + "/jwks", "introspection_endpoint": ISSUER + "/introspect",
            "mtls_endpoint_aliases": {"introspection_endpoint": "https://mtls.as.example/introspect"}}
    rows = {"good": good, "other": {**good, "issuer": "https://other.example"}, "slash": {**good, "issuer": ISSUER + "/"},
            "ad-fs": {**good, "access_token_issuer": "urn:other"}, "no-keys": {"issuer": ISSUER}, "number": {**good, "jwks_uri": 1},
            "empty-uri": {**good, "jwks_uri": ""}, "list": [], "aliases-text": {**good, "mtls_endpoint_aliases": "x"}}
    for name, document in rows.items():
        folder.add("metadata", name, ISSUER, "\n", json.dumps(document))
    for name, issuer in (("path", "https://as.example/a/b/"), ("query", "https://as.example/a?b=c"), ("no-host", "https:///a"),
                         ("fragment", "https://as.example#x"), ("urn", "urn:x"),
                         ("host-in-query", "http/:a?://b"), ("port", "https://as.example:8443/a")):
        folder.add("metadata", f"issuer-{name}", issuer, "\n{}")


def distinguished_names(folder, _tool):
    for name, text in (("simple", "CN=reports,O=Example Corp,C=DE"), ("blanks", "cn = a , o = b"), ("escapes", "CN=a\\,b\\+c\\\\d"),
                       ("hex", "CN=a\\C3\\B6"), ("der", "CN=#0c0548656c6c6f"), ("bmp", "CN=#1e0400610062"), ("numeric", "CN=#12023132"), ("underscore", "RSA-SHA3-224=A"), ("oid", "2.5.4.3=a"),
                       ("unknown-oid", "1.2.3.4.5=a"), ("plus", "CN=a+UID=b,DC=c"), ("quoted", 'CN="a"'), ("semicolon", "CN=a;O=b"),
                       ("no-oid", "KxGOST18=a"), ("oid-dots", "1..2=a"), ("number-sign", "CN=\\23"), ("trailing-blank", "CN=a\\ "), ("utf-8", "CN=\u00f6\u4e2d"), ("empty-value", "CN="),
                       ("t61", "CN=#1401e4"), ("long", "CN=" + "a" * 1020)):
        folder.add("dn", name, text, "\n", "CN=A")
    folder.add("dn", "equal-case", "CN=reports,O=X", "\n", "cn=REPORTS, o=x")
    folder.add("dn", "equal-order", "CN=a+UID=b", "\n", "UID=b+CN=a")
    folder.add("dn", "blanks-inside", "CN=a  b", "\n", "CN=a b")


def pem_texts(folder, tool):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    der = certificates()[0][0]
    ca = certificate(certificate_subject(), ca=True)[0]
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    edwards = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    rows = ((0, "certificate", pem(der)), (0, "text-around", "x\n" + pem(der) + "y"), (0, "windows", pem(der).replace("\n", "\r\n")),
            (0, "no-end", pem(der)[:-20]), (0, "one-line", pem(der).replace("\n", "")),
            (0, "end-in-begin", "-----BEGIN CERTIFICATE-----END CERTIFICATE-----"), (0, "padding", pem(b"0" + bytes([1, 5]))),
            (1, "key", pem(key, "PUBLIC KEY")), (1, "key-edwards", pem(edwards, "PUBLIC KEY")), (1, "key-certificate", pem(der)),
            (1, "key-cut", pem(key[:-1], "PUBLIC KEY")), (2, "ca", pem(ca)), (2, "two-cas", pem(ca) * 2), (2, "no-ca", pem(der)),
            (2, "ca-and-key", pem(ca) + pem(key, "PUBLIC KEY")), (3, "no-crl", "\n"), (3, "crl-of-another", pem(crl(), "X509 CRL")),
            (3, "crl-cut", pem(crl()[:-1], "X509 CRL")), (4, "client", pem(der)), (4, "two", pem(der) * 2), (4, "many", pem(der) * 33),
            (4, "client-key", pem(key, "PUBLIC KEY")))
    for number, name, text in rows:
        folder.add("pem", name, bytes([number]), text)


def crl():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    start = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in certificate_subject()])
    revoked = x509.RevokedCertificateBuilder().serial_number(66).revocation_date(start).build()
    made = (x509.CertificateRevocationListBuilder().issuer_name(name).last_update(start)
            .next_update(start + datetime.timedelta(days=1)).add_revoked_certificate(revoked)
            .sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.DER)


def states(folder, _tool):
    folder.add("state", "put-nothing", b"\x00")
    folder.add("state", "put", b"\x00", "0" * 64, '\n{"origin":"x"}')
    good = {"origin": "@o", "fetched": NOW * 10 ** 6, "jwks": "{}", "jwks_uri": "https://as.example/jwks",
            "introspection_endpoint": None, "mtls_introspection_endpoint": "x"}
    for name, document in (("good", good), ("other-origin", {**good, "origin": "0" * 64}), ("no-origin", {}), ("list", []),
                           ("no-keys", {"origin": "@o"}), ("future", {**good, "fetched": NOW * 10 ** 6 + 1}),
                           ("fetched-text", {**good, "fetched": "1"})):
        folder.add("state", f"document-{name}", b"\x01", json.dumps(document))
    keys = '{"keys":[]}'
    folder.add("state", "written", b"\x02", "\n", keys)
    folder.add("state", "written-not-utf-8", b"\x02\n\xff")
    folder.add("state", "written-empty", b"\x02\n")
    for name, edit in (("seal", b"\x00\x00\x00g"), ("newline", b"\x00\x00\x40 "), ("inside", b"\x00\x00\x60x"),
                       ("cut", b"\x03\x00\x50\x00"), ("longer", b"\x01\x00\x41x")):
        folder.add("state", f"changed-{name}", b"\x02", edit, "\n", keys)


def deny_lists(folder, _tool):
    rows = (("all", f"jti:1\nsub:alice iss={ISSUER}\nclient:app\nx5t:{'A' * 43}\nkid:k # old\n\n# more\n"),
            ("quoted", 'sub:"a b\\"c\\\\" iss="x y"\r\n'), ("unknown", "foo:1\n"), ("open", 'sub:"a\n'), ("x5t-short", "x5t:AAAA\n"),
            ("no-value", "sub:\n"), ("behind", "sub:a b\n"), ("control", "sub:a\u0001\n"), ("nul", "sub:a\0\n"), ("iss-empty", "sub:a iss=\n"),
            ("quote-inside", 'sub:a"b\n'), ("backslash", 'sub:"a\\b"\n'))
    for name, text in rows:
        folder.add("denylist", name, b"\x00", text)
    for kind, value, issuer in ((0, "1", ""), (1, 'a "b" \\', ISSUER), (2, "app", "x y"), (3, "A" * 43, ""), (4, "#", "#"),
                                (1, "a\tb\r", ""), (1, "", ISSUER), (3, "AAAA", "")):
        folder.add("denylist", f"line-{kind}-{len(value)}-{len(issuer)}", b"\x01", bytes([kind]), value, "\n", issuer)


def escapes(folder, _tool):
    for name, text in (("html", "<a href=\"x\" title='y'>&amp;</a>"), ("label", 'a\\b"c'), ("controls", "a\u0001\u007f\u0085b"),
                       ("direction", "a\u202eb\u2066c\u200f"), ("separators", "a\u2028b\u2029"), ("broken", b"a\xc3(\xe2\x82\xf0\x9f"),
                       ("overlong", b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf"), ("surrogate", b"\xed\xa0\x80"), ("beyond", b"\xf4\x90\x80\x80"),
                       ("letters", "\u00e4\u4e2d\U0001f600"), ("replacement", "\ufffd\ufeff")):
        folder.add("escape", name, text)


def questions(folder, _tool):
    for name, client, token in (("plain", "app", "2YotnFZFEjr1zCsicMWpAA"), ("reserved", "a&b=c;d", "x+y/z=="), ("blanks", "a b", "c d"),
                                ("high", "\u00e4", "\u00f6%41"), ("empty", "", "")):
        folder.add("question", name, client, "\n", token)


OURS = [compact_jws, key_sets, claims, encodings, documents, certificate_names, client_files, forms, seals, tokens, answers,
        chains, fields, metadata, distinguished_names, pem_texts, states, deny_lists, escapes, questions]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder = Folder(sys.argv[1])
    with tempfile.TemporaryDirectory() as keys:
        for write in OURS:
            write(folder, Tool(sys.argv[2], keys))


if __name__ == "__main__":
    main()
