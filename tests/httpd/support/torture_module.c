/* A module that has allocations of a request fail: of the thread that decides about it, from before authentication to the
 * handler. The request says which: "X-Fail-At: 7 one" or "7 from". The answer's X-Failed says how many did. Without a
 * request, under "httpd -t": the environment's MTO_FAIL_AT, from the time that this module is loaded. failing.c is
 * linked in, and the whole is preloaded, too. */
#include "failing.h"

/* before the other headers of httpd, which need it */
#include <httpd.h>

#include <apr_strings.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Those of the preloaded copy. */
static __typeof__(failing_arm)    *arm;
static __typeof__(failing_disarm) *disarm;

static void arm_by(const char *text)
{
    char         *end;
    unsigned long at = strtoul(text, &end, 10);

    arm(at, strcmp(end, " from") == 0 ? FAILING_FROM : FAILING_ONE);
}

static int begin(request_rec *r)
{
    const char *at = apr_table_get(r->headers_in, "X-Fail-At");

    if (at != NULL && ap_is_initial_req(r)) {
        arm_by(at);
    }
    return DECLINED;
}

static void end(request_rec *r)
{
    unsigned long failed = disarm();

    if (apr_table_get(r->headers_in, "X-Fail-At") != NULL) {
        apr_table_setn(r->err_headers_out, "X-Failed", apr_ltoa(r->pool, (long)failed));
    }
}

static int end_before_handler(request_rec *r)
{
    end(r);
    return DECLINED;
}

/* Whose frames a crash was in. */
static void tell(int number)
{
    void *frames[64];
    int   count = backtrace(frames, 64);

    (void)disarm();
    backtrace_symbols_fd(frames, count, 2);
    signal(number, SIG_DFL);
    raise(number);
}

/* What a test reads under "httpd -t". */
static void report(void)
{
    (void)fprintf(stderr, "%lu allocations failed\n", disarm());
}

static void register_hooks(apr_pool_t *pool)
{
    void       *found;
    const char *at = getenv("MTO_FAIL_AT");

    (void)pool;
    found = dlsym(RTLD_DEFAULT, "failing_arm");
    memcpy(&arm, &found, sizeof arm);
    found = dlsym(RTLD_DEFAULT, "failing_disarm");
    memcpy(&disarm, &found, sizeof disarm);
    ap_hook_header_parser(begin, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(end_before_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_insert_error_filter(end, NULL, NULL, APR_HOOK_REALLY_FIRST);
    if (at != NULL) {
        (void)backtrace(&found, 1); /* loads what it needs */
        signal(SIGSEGV, tell);
        signal(SIGBUS, tell);
        (void)atexit(report);
        arm_by(at);
    }
}

AP_DECLARE_MODULE(torture) = {STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
                              AP_MODULE_FLAG_NONE};
