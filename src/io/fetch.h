/* Bounded HTTPS exchanges of one thread, side by side: no redirects, nothing from the environment, capped in size and
 * time (DESIGN section 7, "Outgoing"). Connections are kept for the next exchange. */
#ifndef MTO_FETCH_H
#define MTO_FETCH_H

#include <apr_time.h>
#include <stddef.h>

/* How to go out: PEM texts, not files, so that what only root may read stays readable. NULL is allowed everywhere. */
typedef struct {
    const char         *ca_pem;          /* trusted roots; NULL: the system's */
    const char         *certificate_pem; /* our client certificate, and its chain; NULL: none */
    const char         *key_pem;
    const char         *proxy;   /* URL; NULL: none. Never used for loopback literals */
    apr_interval_time_t timeout; /* for the whole exchange */
} mto_outgoing_t;

/* What came of an exchange. Borrowed for the callback. */
typedef struct {
    const char *error; /* NULL: an HTTP answer came, whole and within its cap */
    long        status;
    const char *body; /* NUL-terminated */
    size_t      size;
    int         too_large; /* of error: the answer is larger than the caller takes */
} mto_fetched_t;

typedef void mto_fetched_fn(void *baton, const mto_fetched_t *fetched);

/* The exchanges of one thread, which alone may call these functions, mto_fetcher_wake aside. */
typedef struct mto_fetcher_t mto_fetcher_t;

/* NULL when out of memory. libcurl must have been set up. */
mto_fetcher_t *mto_fetcher_create(void);

/* Ends what is under way, without calling back, and frees. NULL is allowed. */
void mto_fetcher_destroy(mto_fetcher_t *fetcher);

/* Starts a GET of url for a document of at most cap bytes. done is called once, from mto_fetcher_run. Returns 0 when it
 * could not be started; done is not called then. outgoing is read during the call only. */
int mto_fetcher_get(mto_fetcher_t *fetcher, const char *url, const mto_outgoing_t *outgoing, size_t cap,
                    mto_fetched_fn *done, void *baton);

/* What a POST sends. */
typedef struct {
    const char        *body;
    size_t             size;
    const char *const *headers; /* "Name: value" each, with a Content-Type among them; NULL behind the last */
} mto_post_t;

/* Starts a POST likewise. post is read during the call only. The headers go to the server, never to a proxy. */
int mto_fetcher_post(mto_fetcher_t *fetcher, const char *url, const mto_outgoing_t *outgoing, const mto_post_t *post,
                     size_t cap, mto_fetched_fn *done, void *baton);

/* Moves all exchanges on and waits for up to that time, or until woken, for there to be more to do. */
void mto_fetcher_run(mto_fetcher_t *fetcher, apr_interval_time_t wait);

/* Ends the wait of mto_fetcher_run; from any thread. */
void mto_fetcher_wake(mto_fetcher_t *fetcher);

/* Why a URL may not be fetched; NULL: it may. https, or http with a literal of 127.0.0.0/8 or [::1] as its host; no
 * user name or password in it. Static text. */
const char *mto_fetch_refused_url(const char *url);

#endif
