"""The other modules that verify tokens in httpd, where they are installed, configured for the same tokens."""

import contextlib
import json

from rig import Server, environment

PACKAGES = {"oauth2": "libapache2-mod-oauth2", "auth_openidc": "libapache2-mod-auth-openidc"}


def oauth2_lines(key):
    """Checks the binding, by the certificate that mod_ssl exports as text: a cost of the module, the twin goes without."""
    return "SSLOptions +StdEnvVars +ExportCertData\n", f"""<Location "/api">
AuthType oauth2
OAuth2TokenVerify jwk '{json.dumps(key.jwk())}' type=mtls&mtls.policy=required
Require valid-user
</Location>"""


def openidc_lines(path, key):
    """Has no check of the binding."""
    return f"""OIDCCryptoPassphrase not-used-here
OIDCOAuthVerifyCertFiles "{key.kid}#{path}"
OIDCOAuthRemoteUserClaim sub
""", f"""<Location "/api">
AuthType oauth20
Require valid-user
</Location>"""


@contextlib.contextmanager
def servers(bench, key, say):
    """[(name of the case, server, its twin without authentication, file of tokens)]"""
    pem = bench.directory / "peer.pem"
    pem.write_text(key.public_pem())
    tokens = bench.write("peers", [bench.token(key, "urn:RS256")])
    rows = [("mod_oauth2, seen RS256", "oauth2", oauth2_lines(key)),
            ("mod_auth_openidc, no binding, RS256", "auth_openidc", openidc_lines(pem, key))]
    with contextlib.ExitStack() as stack:
        found = []
        for name, module, text in rows:
            if not (environment.MODULES_DIR / f"mod_{module}.so").exists():
                say(f"{name} is left out: it is not installed (Debian: {PACKAGES[module]})")
                continue
            settings, guard = text
            server, twin = (stack.enter_context(Server(bench, [("localhost", lines)], [module], ours=False))
                            for lines in (settings + guard, settings if module == "auth_openidc" else ""))
            found.append((name, server, twin, tokens))
        yield found
