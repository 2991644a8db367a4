/* A module that leaves errors in OpenSSL's queue wherever it is asked first: at start, in each new child, and at every stage of a
 * request up to authentication and authorization. */
#include <httpd.h>

#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <openssl/err.h>
#include <openssl/evperr.h>
#include <openssl/pemerr.h>

static void leave_errors(void)
{
    int i;

    /* more than the queue holds; the last is what the end of a PEM file looks like */
    for (i = 0; i < 40; i++) {
        ERR_raise(ERR_LIB_EVP, EVP_R_BAD_DECRYPT);
    }
    ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
}

static int at_configuration(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *server)
{
    leave_errors();
    return OK;
}

static int before_configuration(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    leave_errors();
    return OK;
}

static void in_child(apr_pool_t *pool, server_rec *server)
{
    leave_errors();
}

static int in_request(request_rec *r)
{
    leave_errors();
    return DECLINED;
}

static void register_hooks(apr_pool_t *pool)
{
    ap_hook_pre_config(before_configuration, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_config(at_configuration, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_config(at_configuration, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_child_init(in_child, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_post_read_request(in_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_access(in_request, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authn(in_request, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(in_request, NULL, NULL, APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_fixups(in_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(dirty_queue) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, AP_MODULE_FLAG_NONE};
