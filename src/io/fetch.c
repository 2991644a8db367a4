#include "io/fetch.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct exchange_t {
    struct exchange_t *next; /* among those under way */
    CURL              *easy;
    struct curl_slist *headers; /* NULL: none but libcurl's own */
    char              *body;
    size_t             size, cap;
    int                too_large;
    char               error[CURL_ERROR_SIZE];
    mto_fetched_fn    *done;
    void              *baton;
} exchange_t;

struct mto_fetcher_t {
    CURLM      *multi;
    exchange_t *exchanges;
};

/* --- URLs --------------------------------------------------------------------------------------------------------- */

/* Whether a host, as the URL writes it, is a literal of this machine's loopback: nobody on the way can read or change
 * it. */
static int is_loopback(const char *host, size_t size)
{
    char           text[sizeof "255.255.255.255"];
    struct in_addr address;

    if (size == sizeof "[::1]" - 1 && memcmp(host, "[::1]", size) == 0) {
        return 1;
    }
    if (size >= sizeof text) {
        return 0;
    }
    memcpy(text, host, size);
    text[size] = '\0';
    return inet_pton(AF_INET, text, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

/* The parts of a URL that decide how it is fetched, from its text: libcurl would read more into it than stands there
 * (127.1, three slashes). Returns the reason against it, or NULL. */
static const char *look_at(const char *url, int *loopback)
{
    CURLU      *parts = curl_url();
    int         ok = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;
    const char *host = strstr(url, "://");
    size_t      size;

    curl_url_cleanup(parts);
    *loopback = 0;
    if (!ok || host == NULL) {
        return "not a URL";
    }
    host += 3;
    size = *host == '[' ? strcspn(host, "]/?#") + 1 : strcspn(host, ":/?#");
    if (memchr(host, '@', strcspn(host, "/?#")) != NULL) {
        return "a URL with a user name in it";
    }
    if (size == 0) {
        return "a URL without a host";
    }
    *loopback = is_loopback(host, size);
    if (strncasecmp(url, "https://", 8) == 0 || (strncasecmp(url, "http://", 7) == 0 && *loopback)) {
        return NULL;
    }
    return "not https; http is for 127.0.0.0/8 and [::1] alone";
}

const char *mto_fetch_refused_url(const char *url)
{
    int loopback;

    return look_at(url, &loopback);
}

/* --- One exchange ------------------------------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t one, size_t size, void *baton)
{
    exchange_t *exchange = baton;
    char       *body;

    (void)one;
    if (size > exchange->cap - exchange->size) {
        exchange->too_large = 1;
        return 0;
    }
    body = realloc(exchange->body, exchange->size + size + 1);
    if (body == NULL) {
        return 0;
    }
    memcpy(body + exchange->size, data, size);
    exchange->body = body;
    exchange->size += size;
    body[exchange->size] = '\0';
    return size;
}

static void exchange_free(exchange_t *exchange)
{
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    free(exchange->body);
    free(exchange);
}

static int set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob;

    if (pem == NULL) {
        return 1;
    }
    blob.data = (char *)pem;
    blob.len = strlen(pem);
    blob.flags = CURL_BLOB_COPY;
    return curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}

/* Everything that bounds an exchange. Returns 0 on failure. */
static int set_options(exchange_t *exchange, const char *url, int loopback, const mto_outgoing_t *outgoing)
{
    CURL *easy = exchange->easy;
    long  milliseconds = (long)(outgoing->timeout / 1000);
    int   ok = 1;

    ok &= curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, loopback ? "http,https" : "https") == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    /* An empty proxy also keeps libcurl from looking at the environment. */
    ok &= curl_easy_setopt(easy, CURLOPT_PROXY, loopback || outgoing->proxy == NULL ? "" : outgoing->proxy) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_USERAGENT, "mod_auth_mtls_oauth") == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)exchange) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)exchange) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A name server that hangs must not hold up the end of the process. */
    ok &= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
    if (outgoing->ca_pem != NULL) {
        /* Instead of the system's roots, not beside them: libcurl would go on looking into its directory of these. */
        ok &= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
        ok &= set_blob(easy, CURLOPT_CAINFO_BLOB, outgoing->ca_pem);
    }
    ok &= set_blob(easy, CURLOPT_SSLCERT_BLOB, outgoing->certificate_pem);
    ok &= set_blob(easy, CURLOPT_SSLKEY_BLOB, outgoing->key_pem);
    return ok;
}

/* Makes a POST of the exchange. Returns 0 on failure. */
static int set_post(exchange_t *exchange, const mto_post_t *post)
{
    CURL              *easy = exchange->easy;
    const char *const *header;
    struct curl_slist *longer;
    int                ok = 1;

    for (header = post->headers; *header != NULL; header++) {
        longer = curl_slist_append(exchange->headers, *header);
        if (longer == NULL) {
            return 0;
        }
        exchange->headers = longer;
    }
    ok &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->size) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post->body) == CURLE_OK;
    ok &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers) == CURLE_OK;
    /* Who tunnels for us need not know who we are. */
    ok &= curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK;
    return ok;
}

int mto_fetcher_post(mto_fetcher_t *fetcher, const char *url, const mto_outgoing_t *outgoing, const mto_post_t *post,
                     size_t cap, mto_fetched_fn *done, void *baton)
{
    exchange_t *exchange;
    int         loopback;

    if (look_at(url, &loopback) != NULL || (exchange = calloc(1, sizeof *exchange)) == NULL) {
        return 0;
    }
    exchange->easy = curl_easy_init();
    exchange->cap = cap;
    exchange->done = done;
    exchange->baton = baton;
    if (exchange->easy == NULL || !set_options(exchange, url, loopback, outgoing)
        || (post != NULL && !set_post(exchange, post))
        || curl_multi_add_handle(fetcher->multi, exchange->easy) != CURLM_OK) {
        exchange_free(exchange);
        return 0;
    }
    exchange->next = fetcher->exchanges;
    fetcher->exchanges = exchange;
    return 1;
}

int mto_fetcher_get(mto_fetcher_t *fetcher, const char *url, const mto_outgoing_t *outgoing, size_t cap,
                    mto_fetched_fn *done, void *baton)
{
    return mto_fetcher_post(fetcher, url, outgoing, NULL, cap, done, baton);
}

static void finish(mto_fetcher_t *fetcher, exchange_t *exchange, CURLcode code)
{
    mto_fetched_t fetched = {NULL, 0, exchange->body != NULL ? exchange->body : "", exchange->size, 0};
    exchange_t  **link;

    for (link = &fetcher->exchanges; *link != exchange; link = &(*link)->next) {
    }
    *link = exchange->next;
    (void)curl_multi_remove_handle(fetcher->multi, exchange->easy);
    if (exchange->too_large) {
        fetched.error = "the answer is too large";
        fetched.too_large = 1;
    }
    else if (code != CURLE_OK) {
        fetched.error = exchange->error[0] != '\0' ? exchange->error : curl_easy_strerror(code);
    }
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &fetched.status);
    exchange->done(exchange->baton, &fetched);
    exchange_free(exchange);
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

mto_fetcher_t *mto_fetcher_create(void)
{
    mto_fetcher_t *fetcher = calloc(1, sizeof *fetcher);

    if (fetcher != NULL && (fetcher->multi = curl_multi_init()) == NULL) {
        free(fetcher);
        return NULL;
    }
    return fetcher;
}

void mto_fetcher_destroy(mto_fetcher_t *fetcher)
{
    exchange_t *exchange;

    if (fetcher == NULL) {
        return;
    }
    while ((exchange = fetcher->exchanges) != NULL) {
        fetcher->exchanges = exchange->next;
        (void)curl_multi_remove_handle(fetcher->multi, exchange->easy);
        exchange_free(exchange);
    }
    (void)curl_multi_cleanup(fetcher->multi);
    free(fetcher);
}

void mto_fetcher_run(mto_fetcher_t *fetcher, apr_interval_time_t wait)
{
    CURLMsg *message;
    int      running, left;

    (void)curl_multi_perform(fetcher->multi, &running);
    while ((message = curl_multi_info_read(fetcher->multi, &left)) != NULL) {
        char *exchange = NULL;

        if (message->msg == CURLMSG_DONE) {
            CURLcode code = message->data.result; /* gone once the handle is removed */

            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
            finish(fetcher, (exchange_t *)(void *)exchange, code);
            wait = 0; /* the caller has something new to look at */
        }
    }
    (void)curl_multi_poll(fetcher->multi, NULL, 0, (int)(wait / 1000), NULL);
}

void mto_fetcher_wake(mto_fetcher_t *fetcher)
{
    (void)curl_multi_wakeup(fetcher->multi);
}
