#include "httpd/require.h"

#include "httpd/answer.h"
#include "httpd/directives.h"

#include <ap_provider.h>
#include <ap_regex.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_request.h>
#include <mod_auth.h>
#include <stdlib.h>
#include <string.h>

/* Steps that PCRE may take for one value before the line counts as not met: a careless expression must not let a token
 * stop the server. A value of 8 KB and an expression without nested repetition take far fewer. */
#define MATCH_LIMIT "100000"

/* Longest time of oauth-auth-age in digits: 31 years of seconds. */
#define AGE_DIGITS 9

/* The note of a request that must not be let through before somebody is authenticated. */
#define NOTE "mtls-oauth-negated"

/* One Require line, as it was read. */
typedef struct {
    const apr_array_header_t *values; /* const char *, as written */
    const char               *text;   /* the values, separated by spaces: for the challenge and the log */
    const mto_claim_path_t   *path;   /* oauth-claim */
    const ap_regex_t         *regex;  /* oauth-claim PATH ~ REGEX; NULL: compare with the values */
    apr_interval_time_t       age;    /* oauth-auth-age */
    int                       wanted; /* a token could meet the line and so help: it does not stand under a "not" */
    int                       alias;  /* of <AuthzProviderAlias>: it may stand under a "not" elsewhere */
} line_t;

/* --- What a line is held against ---------------------------------------------------------------------------------- */

typedef struct {
    mto_exchange_t     *exchange;
    const mto_claims_t *claims; /* NULL: a client that authenticated by its certificate has no token */
} subject_t;

static int is_among(const char *text, const apr_array_header_t *values)
{
    int i;

    for (i = 0; i < values->nelts; i++) {
        if (strcmp(text, APR_ARRAY_IDX(values, i, const char *)) == 0) {
            return 1;
        }
    }
    return 0;
}

typedef struct {
    const line_t   *line;
    mto_exchange_t *exchange;
} match_t;

static int is_wanted_value(const char *text, const void *data)
{
    const match_t *match = data;
    const line_t  *line = match->line;
    int            status;

    if (line->regex == NULL) {
        return is_among(text, line->values);
    }
    status = ap_regexec(line->regex, text, 0, NULL, 0);
    /* Nobody knows whether it would have matched: what is said of a "not" must not be taken for no. */
    if (status != 0 && status != AP_REG_NOMATCH && line->alias) {
        match->exchange->undecided = 1;
    }
    return status == 0 || (status != AP_REG_NOMATCH && !line->wanted);
}

static int meets_scope(const line_t *line, const subject_t *subject)
{
    int i;

    for (i = 0; subject->claims != NULL && i < line->values->nelts; i++) {
        if (mto_claims_has_scope(subject->claims, APR_ARRAY_IDX(line->values, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

static int meets_claim(const line_t *line, const subject_t *subject)
{
    const match_t match = {line, subject->exchange};

    return subject->claims != NULL
           && mto_claim_matches(mto_claims_find(subject->claims, line->path), is_wanted_value, &match);
}

static int meets_client(const line_t *line, const subject_t *subject)
{
    const char *client =
        subject->claims == NULL ? subject->exchange->client_id : mto_token_texts(subject->exchange->token)->client_id;

    return client != NULL && is_among(client, line->values);
}

static int meets_issuer(const line_t *line, const subject_t *subject)
{
    return subject->claims != NULL && mto_policy_is_one_of(mto_token_policy(subject->exchange->token), line->values);
}

static int meets_bound(const line_t *line, const subject_t *subject)
{
    (void)line;
    return subject->exchange->binding == MTO_BINDING_BOUND || subject->exchange->binding == MTO_BINDING_BOUND_FORWARDED;
}

static int meets_acr(const line_t *line, const subject_t *subject)
{
    const char *acr = subject->claims != NULL ? json_string_value(json_object_get(subject->claims->root, "acr")) : NULL;

    return acr != NULL && is_among(acr, line->values);
}

/* RFC 9470 section 6: how long ago the user authenticated is known from auth_time alone. */
static int meets_auth_age(const line_t *line, const subject_t *subject)
{
    apr_interval_time_t skew;
    apr_time_t          time, now = apr_time_now();

    if (subject->claims == NULL || !mto_claims_time(subject->claims, "auth_time", &time) || time == MTO_TIME_ABSENT) {
        return 0;
    }
    skew = mto_token_policy(subject->exchange->token)->settings.clock_skew;
    return time <= now + skew && now - skew - line->age <= time;
}

/* --- The lines ---------------------------------------------------------------------------------------------------- */

#define NOT_UNMET MTO_UNMET_COUNT

typedef struct {
    const char *name;
    int (*meets)(const line_t *line, const subject_t *subject);
    mto_unmet_t unmet; /* what to note of a line that is not met; NOT_UNMET: nothing, no other token would help */
} kind_t;

static const kind_t scope_kind = {"oauth-scope", meets_scope, MTO_UNMET_SCOPE};
static const kind_t claim_kind = {"oauth-claim", meets_claim, NOT_UNMET};
static const kind_t client_kind = {"oauth-client", meets_client, NOT_UNMET};
static const kind_t issuer_kind = {"oauth-issuer", meets_issuer, NOT_UNMET};
static const kind_t bound_kind = {"oauth-bound", meets_bound, MTO_UNMET_BOUND};
static const kind_t acr_kind = {"oauth-acr", meets_acr, MTO_UNMET_ACR};
static const kind_t auth_age_kind = {"oauth-auth-age", meets_auth_age, MTO_UNMET_AUTH_AGE};

/* httpd authenticates, and asks again. But what it negates it takes for met where there is no user, as if nobody were
 * ever one of those whom the line keeps out: so that is noted. */
static authz_status wait_for_user(request_rec *r, const line_t *line)
{
    if (!line->wanted || line->alias) {
        apr_table_setn(r->notes, NOTE, "1");
    }
    return AUTHZ_DENIED_NO_USER;
}

static authz_status check(request_rec *r, const line_t *line, const kind_t *kind)
{
    mto_exchange_t *exchange = mto_exchange_in_force(r);
    subject_t       subject = {exchange, NULL};

    if (r->user == NULL) {
        return wait_for_user(r, line);
    }
    if (exchange == NULL || !exchange->admitted) {
        return AUTHZ_DENIED; /* authenticated by somebody else, or left to the back end */
    }
    subject.claims = exchange->is_client_auth ? NULL : mto_token_claims(exchange->token);
    if (kind->meets(line, &subject)) {
        return AUTHZ_GRANTED;
    }
    if (line->wanted && subject.claims != NULL && kind->unmet != NOT_UNMET && exchange->unmet[kind->unmet] == NULL) {
        exchange->unmet[kind->unmet] = line->text;
    }
    return AUTHZ_DENIED;
}

/* httpd's providers are told the line, not which provider it names. */
static authz_status check_scope(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &scope_kind);
}

static authz_status check_claim(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &claim_kind);
}

static authz_status check_client(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &client_kind);
}

static authz_status check_issuer(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &issuer_kind);
}

static authz_status check_bound(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &bound_kind);
}

static authz_status check_acr(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &acr_kind);
}

static authz_status check_auth_age(request_rec *r, const char *text, const void *line)
{
    (void)text;
    return check(r, line, &auth_age_kind);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static const char *wrong(cmd_parms *cmd, const kind_t *kind, const char *value, const char *remedy)
{
    return apr_pstrcat(cmd->pool, "Require ", kind->name, *value != '\0' ? " " : "", value, ": ", remedy, NULL);
}

/* Whether the line is turned round, by "not" or by the sections it is in: then no challenge may ask for what it names.
 */
static int is_wanted(const cmd_parms *cmd)
{
    static const char     negation[] = "not";
    const char           *arguments = cmd->directive->args;
    const ap_directive_t *section;
    int                   negations = 0;

    arguments += strspn(arguments, " \t\"");
    if (strncasecmp(arguments, negation, sizeof negation - 1) == 0
        && strchr(" \t\"", arguments[sizeof negation - 1]) != NULL) {
        negations++;
    }
    for (section = cmd->directive->parent; section != NULL; section = section->parent) {
        negations += strcasecmp(section->directive, "<RequireNone") == 0;
    }
    return negations % 2 == 0;
}

static int is_alias(const cmd_parms *cmd)
{
    const ap_directive_t *section = cmd->directive;

    while (section != NULL && strcasecmp(section->directive, "<AuthzProviderAlias") != 0) {
        section = section->parent;
    }
    return section != NULL;
}

/* Takes the words of a line apart. */
static line_t *read_words(cmd_parms *cmd, const char *arguments)
{
    apr_array_header_t *values = apr_array_make(cmd->pool, 2, sizeof(const char *));
    line_t             *line = apr_pcalloc(cmd->pool, sizeof *line);

    while (*arguments != '\0') {
        APR_ARRAY_PUSH(values, const char *) = ap_getword_conf(cmd->pool, &arguments);
    }
    line->values = values;
    line->text = apr_array_pstrcat(cmd->pool, values, ' ');
    line->wanted = is_wanted(cmd);
    line->alias = is_alias(cmd);
    return line;
}

/* At least one value, each of the characters of a scope-token (RFC 6749 section 3.3): they end up in a quoted string of
 * the challenge, separated by spaces. */
static const char *parse_tokens(cmd_parms *cmd, const kind_t *kind, const char *arguments, const void **parsed)
{
    line_t *line = read_words(cmd, arguments);
    int     i;

    *parsed = line;
    if (line->values->nelts == 0) {
        return wrong(cmd, kind, "", "needs at least one value; any one of them is enough");
    }
    for (i = 0; i < line->values->nelts; i++) {
        const char *value = APR_ARRAY_IDX(line->values, i, const char *), *at = value;

        while (*at > 0x20 && *at < 0x7f && *at != '"' && *at != '\\') {
            at++;
        }
        if (*value == '\0' || *at != '\0') {
            return wrong(cmd, kind, value,
                         "is empty or has a blank, a quote, a backslash or a character outside of ASCII; such a value "
                         "cannot be, nor be asked for in a challenge (RFC 6749 section 3.3)");
        }
    }
    return NULL;
}

static const char *parse_scope(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    return parse_tokens(cmd, &scope_kind, arguments, parsed);
}

static const char *parse_acr(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    return parse_tokens(cmd, &acr_kind, arguments, parsed);
}

/* The whole value has to match, whatever alternatives the expression has. */
static const char *compile(cmd_parms *cmd, line_t *line, const char *expression)
{
    const char *whole = apr_pstrcat(cmd->pool, "(*LIMIT_MATCH=" MATCH_LIMIT ")\\A(?:", expression, ")\\z", NULL);

    /* Alone it has to be one, too: "a)|(b" would become something else within the parentheses. */
    line->regex = ap_pregcomp(cmd->pool, expression, 0) != NULL ? ap_pregcomp(cmd->pool, whole, 0) : NULL;
    return line->regex != NULL ? NULL
                               : wrong(cmd, &claim_kind, expression, "is not a regular expression; see pcrepattern(3)");
}

static const char *parse_claim(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    const char *path = ap_getword_conf(cmd->pool, &arguments), *reason;
    line_t     *line = read_words(cmd, arguments);

    *parsed = line;
    if (*path == '\0' || line->values->nelts == 0) {
        return wrong(cmd, &claim_kind, path, "write \"Require oauth-claim PATH VALUE...\" or \"PATH ~ REGEX\"");
    }
    line->path = mto_claim_path_parse(path, cmd->pool, &reason);
    if (line->path == NULL) {
        return wrong(cmd, &claim_kind, path,
                     apr_pstrcat(cmd->pool, reason, "; write a claim as name or outer.inner, and \\. for a dot", NULL));
    }
    if (strcmp(APR_ARRAY_IDX(line->values, 0, const char *), "~") != 0) {
        return NULL;
    }
    return line->values->nelts == 2
               ? compile(cmd, line, APR_ARRAY_IDX(line->values, 1, const char *))
               : wrong(cmd, &claim_kind, path, "~ takes one expression; put one with blanks in quotes");
}

static const char *parse_names(cmd_parms *cmd, const kind_t *kind, const char *arguments, const void **parsed)
{
    line_t *line = read_words(cmd, arguments);

    *parsed = line;
    return line->values->nelts > 0 ? NULL : wrong(cmd, kind, "", "needs at least one value; any one of them is enough");
}

static const char *parse_client(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    return parse_names(cmd, &client_kind, arguments, parsed);
}

/* Names an issuer as MTLSOAuthAcceptIssuers does, and is checked like it when all servers are known. */
static const char *parse_issuer(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    const char          *error = parse_names(cmd, &issuer_kind, arguments, parsed);
    const line_t        *line = *parsed;
    mto_server_config_t *server = mto_server_config_of(cmd->server);

    if (error == NULL && server != NULL && ap_check_cmd_context(cmd, NOT_IN_HTACCESS) == NULL) {
        mto_issuer_names_t *names = apr_array_push(server->issuer_names);

        names->directive = "Require oauth-issuer";
        names->where = apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
        names->issuers = line->values;
    }
    return error;
}

static const char *parse_bound(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    const line_t *line = read_words(cmd, arguments);

    *parsed = line;
    return line->values->nelts == 0 ? NULL : wrong(cmd, &bound_kind, arguments, "takes no value");
}

static const char *parse_auth_age(cmd_parms *cmd, const char *arguments, const void **parsed)
{
    line_t     *line = read_words(cmd, arguments);
    const char *seconds = line->values->nelts == 1 ? line->text : "";
    size_t      digits = strspn(seconds, "0123456789");

    *parsed = line;
    if (digits == 0 || digits > AGE_DIGITS || seconds[digits] != '\0') {
        return wrong(cmd, &auth_age_kind, arguments, "is not a number of seconds; write for example 3600");
    }
    line->age = apr_time_from_sec(strtol(seconds, NULL, 10));
    line->text = apr_psprintf(cmd->pool, "%" APR_TIME_T_FMT, apr_time_sec(line->age));
    return NULL;
}

int mto_require_user(request_rec *r)
{
    return apr_table_get(r->notes, NOTE) != NULL && mto_authenticates(ap_auth_type(r)) ? OK : DECLINED;
}

void mto_require_register(apr_pool_t *pool)
{
    static const struct {
        const kind_t  *kind;
        authz_provider provider;
    } lines[] = {
        {&scope_kind, {check_scope, parse_scope}},          {&claim_kind, {check_claim, parse_claim}},
        {&client_kind, {check_client, parse_client}},       {&issuer_kind, {check_issuer, parse_issuer}},
        {&bound_kind, {check_bound, parse_bound}},          {&acr_kind, {check_acr, parse_acr}},
        {&auth_age_kind, {check_auth_age, parse_auth_age}},
    };
    size_t i;

    for (i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, lines[i].kind->name, AUTHZ_PROVIDER_VERSION,
                                  &lines[i].provider, AP_AUTH_INTERNAL_PER_CONF);
    }
}
