#include "httpd/bearer.h"

#include "httpd/answer.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#define SCHEME "Bearer"

/* credentials = "Bearer" 1*SP b64token (RFC 6750 section 2.1); the scheme without regard to case (RFC 9110 11.1). */
static mto_refusal_t read_header(mto_bearer_t *bearer, const char *header, mto_verdict_t *verdict)
{
    const char *token = header + sizeof SCHEME - 1;

    if (strncasecmp(header, SCHEME, sizeof SCHEME - 1) != 0 || apr_isgraph(*token)) {
        return mto_verdict_refuse(verdict, MTO_NO_TOKEN, "Authorization is of another scheme");
    }
    if (*token == ' ') {
        token += strspn(token, " ");
    }
    if (apr_isspace(*token)) {
        return mto_verdict_refuse(verdict, MTO_REQUEST_MALFORMED, "not a space after Bearer");
    }
    if (*token == '\0') {
        return mto_verdict_refuse(verdict, MTO_REQUEST_MALFORMED, "no token after Bearer");
    }
    if (strchr(token, ',') != NULL) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_REPEATED, "a comma in Authorization");
    }
    bearer->text = token;
    bearer->length = strlen(token);
    return MTO_ADMITTED;
}

/* Looks through the cookie pairs; a second Cookie header was joined by httpd with a comma. */
static mto_refusal_t read_cookie(mto_bearer_t *bearer, const char *cookies, const char *name, mto_verdict_t *verdict)
{
    size_t name_size = strlen(name);

    while (*cookies != '\0') {
        size_t size;

        cookies += strspn(cookies, "; \t,");
        size = strcspn(cookies, ";,");
        if (strncmp(cookies, name, name_size) == 0 && cookies[name_size] == '=') {
            if (bearer->text != NULL) {
                return mto_verdict_refuse(verdict, MTO_TOKEN_REPEATED, "the cookie occurs twice");
            }
            bearer->text = cookies + name_size + 1;
            bearer->length = size - name_size - 1;
            bearer->cookie = name;
        }
        cookies += size;
    }
    return MTO_ADMITTED;
}

static int query_has_token(const char *query)
{
    static const char parameter[] = "access_token=";

    while (query != NULL && *query != '\0') {
        if (strncmp(query, parameter, sizeof parameter - 1) == 0) {
            return 1;
        }
        query = strchr(query, '&');
        query = query != NULL ? query + 1 : NULL;
    }
    return 0;
}

mto_refusal_t mto_bearer_find(mto_bearer_t *bearer, const request_rec *r, const mto_directory_config_t *directory,
                              mto_verdict_t *verdict)
{
    static const mto_token_source_t header_only = {NULL};
    const apr_array_header_t       *sources = directory->token_sources;
    const mto_exchange_t           *before = mto_exchange_with_token(r);
    const char                     *authorization, *cookies;
    int                             i;

    memset(bearer, 0, sizeof *bearer);
    bearer->authorization = authorization =
        before != NULL ? before->bearer.authorization : apr_table_get(r->headers_in, "Authorization");
    bearer->cookies = cookies = before != NULL ? before->bearer.cookies : apr_table_get(r->headers_in, "Cookie");
    for (i = 0; bearer->text == NULL && i < (sources != NULL ? sources->nelts : 1); i++) {
        const mto_token_source_t *source =
            sources != NULL ? &APR_ARRAY_IDX(sources, i, mto_token_source_t) : &header_only;
        mto_refusal_t refusal = MTO_ADMITTED;

        if (source->cookie == NULL && authorization != NULL) {
            refusal = read_header(bearer, authorization, verdict);
        }
        else if (source->cookie != NULL && authorization == NULL && cookies != NULL) {
            refusal = read_cookie(bearer, cookies, source->cookie, verdict);
        }
        if (refusal != MTO_ADMITTED) {
            return refusal;
        }
    }
    if (bearer->text == NULL) {
        return mto_verdict_refuse(verdict, MTO_NO_TOKEN,
                                  authorization == NULL ? "no Authorization" : "not looked for there");
    }
    if (query_has_token(r->args)) {
        return mto_verdict_refuse(verdict, MTO_TOKEN_REPEATED, "access_token in the query beside it");
    }
    return MTO_ADMITTED;
}
