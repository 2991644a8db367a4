#include "httpd/times.h"

#include <apr_strings.h>

const char *mto_interval_text(apr_pool_t *pool, apr_interval_time_t interval)
{
    static const struct {
        apr_interval_time_t seconds;
        const char         *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    apr_interval_time_t seconds = interval > 0 ? apr_time_sec(interval) : 0;
    size_t              i;

    for (i = 0; i < sizeof units / sizeof *units; i++) {
        if (seconds >= 2 * units[i].seconds) {
            return apr_psprintf(pool, "%" APR_INT64_T_FMT " %s", (apr_int64_t)(seconds / units[i].seconds),
                                units[i].unit);
        }
    }
    return apr_psprintf(pool, "%" APR_INT64_T_FMT " s", (apr_int64_t)seconds);
}

const char *mto_ago_text(apr_pool_t *pool, apr_time_t now, apr_time_t time)
{
    return time <= now ? apr_pstrcat(pool, mto_interval_text(pool, now - time), " ago", NULL)
                       : apr_pstrcat(pool, "in ", mto_interval_text(pool, time - now), NULL);
}

const char *mto_time_text(apr_pool_t *pool, apr_time_t time)
{
    apr_time_exp_t parts;

    (void)apr_time_exp_gmt(&parts, time);
    return apr_psprintf(pool, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                        parts.tm_hour, parts.tm_min, parts.tm_sec);
}
