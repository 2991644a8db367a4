"""The pieces of configuration most tests are built from."""

from support.tokens import AUDIENCE


def issuer(iss, jwks, *lines, name="", audience=AUDIENCE):
    """An issuer block; `lines` follow its audience and its key file."""
    said = [f'<MTLSOAuthIssuer "{iss}"{" " + name if name else ""}>',
            f'MTLSOAuthAudience "{audience}"' if audience else "",
            f'MTLSOAuthJWKSFile "{jwks}"' if jwks else "", *lines, "</MTLSOAuthIssuer>"]
    return "\n".join(line for line in said if line) + "\n"


def location(path, *lines, require="valid-user"):
    """A Location that this module protects."""
    said = [f'<Location "{path}">', "AuthType mTLS-OAuth", *lines, f"Require {require}" if require else "",
            "</Location>"]
    return "\n".join(line for line in said if line) + "\n"
