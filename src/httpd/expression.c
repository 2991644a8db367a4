#include "httpd/expression.h"

#include "httpd/answer.h"

#include <apr_strings.h>

/* path: as parsed at start, or NULL when the argument was not known then. */
static const json_t *find(const ap_expr_eval_ctx_t *ctx, const mto_claim_path_t *path, const char *argument)
{
    const mto_exchange_t *exchange = ctx->r != NULL ? mto_exchange_in_force(ctx->r) : NULL;
    const char           *reason;

    if (exchange == NULL || !exchange->admitted || exchange->token == NULL) {
        return NULL;
    }
    if (path == NULL) {
        path = mto_claim_path_parse(argument, ctx->p, &reason);
    }
    return path != NULL ? mto_claims_find(mto_token_claims(exchange->token), path) : NULL;
}

static const char *as_string(ap_expr_eval_ctx_t *ctx, const void *data, const char *argument)
{
    return mto_claim_value(find(ctx, data, argument), ctx->p);
}

static apr_array_header_t *as_list(ap_expr_eval_ctx_t *ctx, const void *data, const char *argument)
{
    apr_array_header_t *list = apr_array_make(ctx->p, 4, sizeof(const char *));
    const json_t       *claim = find(ctx, data, argument), *element;
    const char         *text;
    size_t              i;

    if (!json_is_array(claim)) {
        text = mto_claim_value(claim, ctx->p);
        if (text != NULL) {
            APR_ARRAY_PUSH(list, const char *) = text;
        }
    }
    json_array_foreach(claim, i, element)
    {
        text = mto_claim_value(element, ctx->p);
        if (text != NULL) {
            APR_ARRAY_PUSH(list, const char *) = text;
        }
    }
    return list;
}

int mto_expression_lookup(ap_expr_lookup_parms *parms)
{
    const char *reason;

    if ((parms->type != AP_EXPR_FUNC_STRING && parms->type != AP_EXPR_FUNC_LIST)
        || strcasecmp(parms->name, "oauth_claim") != 0) {
        return DECLINED;
    }
    *parms->func =
        parms->type == AP_EXPR_FUNC_STRING ? (const void *)(size_t)&as_string : (const void *)(size_t)&as_list;
    *parms->data = NULL;
    if (parms->arg != NULL) {
        *parms->data = mto_claim_path_parse(parms->arg, parms->pool, &reason);
        if (*parms->data == NULL) {
            *parms->err = apr_psprintf(parms->ptemp, "oauth_claim('%s'): %s", parms->arg, reason);
            return !OK;
        }
    }
    return OK;
}
