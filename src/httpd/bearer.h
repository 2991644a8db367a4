/* The one token of a request. */
#ifndef MTO_BEARER_H
#define MTO_BEARER_H

#include "core/refusal.h"
#include "httpd/directives.h"

#include <httpd.h>

typedef struct {
    const char *text; /* NULL: none found */
    size_t      length;
    const char *cookie;                  /* that it was read from; NULL: the Authorization header */
    const char *authorization, *cookies; /* the headers as the client sent them; NULL: none */
} mto_bearer_t;

/* Finds the token where MTLSOAuthTokenSource says (RFC 6750 section 2.1); what MTLSOAuthForwardToken has taken out of a
 * request before this one counts as there. Refuses with no_token; token_repeated: a
 * comma in the credentials, a cookie that occurs twice, an access_token in the query beside the token;
 * request_malformed: Bearer without a token, or no space after it. Whether it is a token at all is not looked at. */
mto_refusal_t mto_bearer_find(mto_bearer_t *bearer, const request_rec *r, const mto_directory_config_t *directory,
                              mto_verdict_t *verdict);

#endif
