#include "httpd/checks_private.h"

#include "httpd/warnings.h"

#include <apr_strings.h>
#include <string.h>

/* With optional_no_ca a certificate is anybody's: whoever makes one writes the names into it. This module binds tokens
 * to the certificate itself, and takes names only from chains that it has verified; others may not. */

/* What of a certificate is its maker's word. */
static const char *const claims[] = {"SSL_CLIENT_S_DN", "SSL_CLIENT_SAN_", "SSL_CLIENT_I_DN", "PeerExtList"};

/* What says whether mod_ssl verified it: "SUCCESS", and not "GENEROUS". */
#define VERDICT "SSL_CLIENT_VERIFY"

static const mto_said_t *said_at(const mto_checks_t *checks, int i)
{
    return &APR_ARRAY_IDX(checks->all, i, const mto_said_t);
}

/* Logs, and headers for the client itself, decide nothing. */
static int decides_nothing(const mto_said_t *said)
{
    static const char *const names[] = {"LogFormat",      "CustomLog", "TransferLog",
                                        "ErrorLogFormat", "GlobalLog", "Header"};
    size_t                   i;

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if (mto_said_is(said, names[i])) {
            return 1;
        }
    }
    return *said->directive->directive == '<' && !mto_said_is(said, "<If") && !mto_said_is(said, "<ElseIf");
}

/* Whether a directive goes by names in certificates; NULL: no, else what it takes. */
static const char *name_taken(const mto_said_t *said, apr_pool_t *pool)
{
    size_t i;

    if (mto_said_is(said, "SSLUserName")) {
        return mto_said_word(said, 0, pool);
    }
    if (mto_said_is(said, "SSLOptions")
        && (mto_said_has(said, "FakeBasicAuth", pool) || mto_said_has(said, "+FakeBasicAuth", pool))) {
        return "FakeBasicAuth";
    }
    for (i = 0; i < sizeof claims / sizeof *claims && !decides_nothing(said); i++) {
        if (strstr(said->directive->args, claims[i]) != NULL) {
            return claims[i];
        }
    }
    return NULL;
}

/* Whether the directive looks at the verdict itself, or one of its kind beside it does. */
static int is_verified(const mto_checks_t *checks, const mto_said_t *said)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *other = said_at(checks, i);

        if (other->directive->parent == said->directive->parent && mto_said_is(other, said->directive->directive)
            && strstr(other->directive->args, VERDICT) != NULL) {
            return 1;
        }
    }
    return 0;
}

/* Whether certificates that nobody verified come to where the directive holds, for the sake of this module. */
static int is_no_ca(const mto_checks_t *checks, const mto_said_t *said)
{
    int i, no_ca = 0, ours = 0;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *other = said_at(checks, i);

        if (mto_hosts_meet(other->host, said->host)) {
            no_ca |= mto_said_is(other, "SSLVerifyClient") && mto_said_has(other, "optional_no_ca", checks->pool);
            ours |= mto_said_is_ours(other, checks->pool);
        }
    }
    return no_ca && ours;
}

static const char *remedy_for(const mto_said_t *said, apr_pool_t *pool)
{
    const char *arguments = said->directive->args;

    if (mto_said_is(said, "RequestHeader")) {
        return apr_psprintf(pool, "add after it: RequestHeader unset %s \"expr=%%{" VERDICT "} != 'SUCCESS'\"",
                            mto_said_word(said, 1, pool));
    }
    if (mto_said_is(said, "Require") && strncasecmp(arguments, "expr ", 5) == 0) {
        const char *rest = arguments + 5, *expression = ap_getword_conf(pool, &rest);

        /* An expression may stand there with quotes around it, or without. */
        return apr_psprintf(pool, "write there: Require expr \"%%{" VERDICT "} == 'SUCCESS' && (%s)\"",
                            *rest == '\0' ? expression : arguments + 5);
    }
    if (mto_said_is(said, "SSLRequire")) {
        return apr_psprintf(pool, "write there: SSLRequire %%{" VERDICT "} eq \"SUCCESS\" and (%s)", arguments);
    }
    if (mto_said_is(said, "SSLUserName") || mto_said_is(said, "SSLOptions")) {
        return "take it out: this module sets the user\n"
               "or have names verified, in a virtual host of their own: SSLVerifyClient require";
    }
    return "ask for the verdict too: %{" VERDICT "} must be SUCCESS, and not GENEROUS\n"
           "or have names verified, in a virtual host of their own: SSLVerifyClient require";
}

void mto_check_names(const mto_checks_t *checks)
{
    int i;

    for (i = 0; i < checks->all->nelts; i++) {
        const mto_said_t *said = said_at(checks, i);
        const char       *name = name_taken(said, checks->pool);

        if (name != NULL && !is_verified(checks, said) && is_no_ca(checks, said)) {
            mto_warn(checks->pool, mto_checks_server(checks, said->host), remedy_for(said, checks->pool),
                     "%s: %s%s goes by %s beside \"SSLVerifyClient optional_no_ca\": anybody can make a certificate "
                     "with any name in it",
                     mto_said_where(said->directive, checks->pool), said->directive->directive,
                     *said->directive->directive == '<' ? ">" : "", name);
        }
    }
}
