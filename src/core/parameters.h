/* Parameters of a form or a query: application/x-www-form-urlencoded text in, decoded values out (RFC 6749 appendix B).
 */
#ifndef MTO_PARAMETERS_H
#define MTO_PARAMETERS_H

#include <apr_pools.h>
#include <stddef.h>

/* One parameter as it was found. */
typedef struct {
    unsigned    count;  /* how often it occurs */
    const char *value;  /* of its first occurrence, decoded and NUL-terminated, without NUL in it; NULL: none */
    size_t      length; /* of value; 0: it counts as left out (RFC 6749 section 3.2) */
} mto_parameter_t;

/* Looks for the parameters called names[0..count) in text, which is read whole. Names are compared decoded, with case.
 * Values are allocated from pool. Returns NULL, or a static text saying what is wrong anywhere in text: an escape that
 * is not % and two hexadecimal digits, or a NUL. Other bytes that should be escaped stand for themselves. */
const char *mto_parameters_find(mto_parameter_t found[], const char *const names[], size_t count, const char *text,
                                size_t length, apr_pool_t *pool);

/* Decodes text[0..length) in the same way into *decoded, from pool, whose length *decoded_length is. Returns NULL or
 * what is wrong. */
const char *mto_parameters_decode(const char **decoded, size_t *decoded_length, const char *text, size_t length,
                                  apr_pool_t *pool);

#endif
