/* SetHandler mtls-oauth-metrics: the numbers as Prometheus reads them (text format 0.0.4). */
#ifndef MTO_METRICS_H
#define MTO_METRICS_H

#include <httpd.h>

#define MTO_METRICS_HANDLER "mtls-oauth-metrics"

/* Hook handler. */
int mto_metrics_handle(request_rec *r);

#endif
