/* What the verbs share: values of options, files and standard input, the certificate, times, complaints. */
#ifndef MTO_INPUT_H
#define MTO_INPUT_H

#include "core/certificate.h"
#include "core/keyset.h"
#include "core/refusal.h"
#include "core/trust.h"
#include "verb.h"

#include <apr_time.h>
#include <stdio.h>

/* Most bytes that are read of a file or of standard input, whatever it holds: the largest JWK Set. */
#define MTO_INPUT_SIZE MTO_KEYSET_BYTES

/* The last second of the year 9999, where RFC 3339 ends. */
#define MTO_LAST_SECOND 253402300799LL

/* Room for a time as mto_time_text writes it. */
#define MTO_TIME_TEXT_SIZE 40

/* Options: a text (const char *), a repeatable text (apr_array_header_t * of const char *), a whole number of 0 or more
 * (const apr_int64_t *) and a time (const apr_time_t *). A member that stays NULL was not given. */
mto_option_fn mto_option_text;
mto_option_fn mto_option_texts;
mto_option_fn mto_option_number;
mto_option_fn mto_option_time;

/* Writes "mtls-oauth: " and one line (printf format) to standard error. Returns MTO_EXIT_USAGE. */
int mto_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a text that somebody else wrote: control characters, which a terminal may obey, become question marks. */
void mto_print_text(FILE *out, const char *text);

/* Prints what a refusal means: code, answer, detail, cause and remedy, a line each. Returns MTO_EXIT_REFUSED. */
int mto_print_refusal(const mto_verdict_t *verdict);

/* Reads a file ("-": standard input) of at most MTO_INPUT_SIZE bytes, from pool and with a NUL behind *length bytes.
 * NULL when it cannot, which has been said then. */
char *mto_input_read(const char *path, size_t *length, apr_pool_t *pool);

/* The same up to another size. */
char *mto_input_read_most(const char *path, size_t most, size_t *length, apr_pool_t *pool);

/* The token that an operand is, or that stands on standard input when it is "-", without white space around it. NULL as
 * for mto_input_read. */
const char *mto_input_token(const char *operand, size_t *length, apr_pool_t *pool);

/* Reads the first certificate of a PEM file, or a DER file. Returns 0 when there is none, which has been said then. */
int mto_input_certificate(mto_certificate_t *certificate, const char *path, apr_pool_t *pool);

/* Reads a file of CA certificates and one of CRLs (NULL: none), both PEM, for mto_trust_release. NULL when it cannot,
 * which has been said then. */
mto_trust_t *mto_input_trust(const char *ca_file, const char *crl_file, apr_pool_t *pool);

/* Reads seconds since 1970, or a time in UTC as RFC 3339 writes it. Returns 0 when text is neither, or after year 9999.
 */
int mto_time_read(apr_time_t *time, const char *text);

/* Writes a time as RFC 3339 does, in UTC; what is no such time is said to be none. Returns out. */
const char *mto_time_text(char out[MTO_TIME_TEXT_SIZE], apr_time_t time);

#endif
