/* The configuration as it was written, of all modules: others do not tell what they were told, the tree of directives
 * does. */
#ifndef MTO_TREE_H
#define MTO_TREE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <httpd.h>

#include <http_config.h>

/* A directive and where it stands. */
typedef struct {
    const ap_directive_t *directive;
    const ap_directive_t *host;  /* its <VirtualHost>; NULL: the main server */
    const ap_directive_t *place; /* the innermost <Location>, <Directory>, <Files>, <If> or the like; NULL: none */
} mto_said_t;

/* All directives and sections (mto_said_t) in their order, without .htaccess. While the tree is there. */
const apr_array_header_t *mto_tree_read(apr_pool_t *pool);

/* Whether that is the directive or section ("<Location") of the name; httpd compares without case. */
int mto_said_is(const mto_said_t *said, const char *name);

/* Whether one of the words of a directive is that word, without case. */
int mto_said_has(const mto_said_t *said, const char *word, apr_pool_t *pool);

/* Word number `which`, from 0, of a directive or section, without quotes; "": there are fewer. */
const char *mto_said_word(const mto_said_t *said, int which, apr_pool_t *pool);

/* "FILE:LINE", and "FILE:LINE: <Location /x>" of the place that a directive stands in. */
const char *mto_said_where(const ap_directive_t *directive, apr_pool_t *pool);
const char *mto_said_place(const mto_said_t *said, apr_pool_t *pool);

/* Whether what is said in one host holds in the other too: in the same, and the main server's in all. */
int mto_hosts_meet(const ap_directive_t *a, const ap_directive_t *b);

/* Whether a request for something in the place `inner` may fall under the place `outer` as well, as far as the names of
 * places tell: certain for two <Location>s and for a <LocationMatch>, otherwise yes when it cannot be excluded. NULL as
 * outer is everywhere. */
int mto_place_covers(const ap_directive_t *outer, const ap_directive_t *inner, apr_pool_t *pool);

#endif
