/* The request headers that only this server may set: taken out of whatever comes from outside, in every spelling that a
 * back end may take for them (DESIGN section 9). */
#ifndef MTO_OWN_HEADERS_H
#define MTO_OWN_HEADERS_H

#include <apr_tables.h>
#include <httpd.h>

/* What is wrong with such a name: NULL, or a text for mto_value_error. It has letters, digits and dashes, and HTTP does
 * not live by it. */
const char *mto_own_header_check(const char *name);

/* Adds a name to those of a server, when its configuration is read. */
void mto_own_header_add(server_rec *server, const char *name);

/* Added to the name of a header with a certificate for the one with those above it (RFC 9440 section 2.3). */
#define MTO_CHAIN_SUFFIX "-Chain"

/* Finishes the list of a server: what it added, what the main server did, whose Locations hold in every server, and
 * what MTLSOAuthForwardClientCert and MTLSOAuthClientCertHeader of the finished server and of the main server name. */
void mto_own_headers_finish(server_rec *server, const server_rec *main_server, apr_pool_t *pool);

/* Whether the finished list of a server has that name. */
int mto_own_headers_have(const server_rec *server, const char *name);

/* Whether name[0..length) reads like `whole` to a back end: CGI and its like make one character of all that is neither
 * letter nor digit. */
int mto_header_reads_like(const char *name, apr_size_t length, const char *whole);

/* Takes the headers of names (const char *) out of the request, and out of its Connection header, by which mod_proxy
 * deletes headers, also those that were set here. */
void mto_headers_strip(request_rec *r, const apr_array_header_t *names);

/* The same with the finished list of the request's server. */
void mto_own_headers_strip(request_rec *r);

#endif
