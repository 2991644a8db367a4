/* Texts of others for pages, documents and lines of ours: what may not stand there is written so that it can do
 * nothing.
 */
#ifndef MTO_ESCAPE_H
#define MTO_ESCAPE_H

#include <apr_pools.h>

/* Where a text goes. */
typedef enum {
    MTO_ESCAPE_HTML,  /* text, or an attribute's value in double quotes */
    MTO_ESCAPE_LABEL, /* the value of a Prometheus label, between double quotes */
    MTO_ESCAPE_PLAIN, /* a line of plain text, or what a JSON encoder takes */
} mto_escape_t;

/* The text (NULL: "") for that place, from pool: valid UTF-8 without control characters and without those that turn
 * the direction of writing; U+FFFD stands for what was not. */
const char *mto_escape(apr_pool_t *pool, mto_escape_t place, const char *text);

#endif
