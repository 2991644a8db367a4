/* fetch: which URLs may be fetched (DESIGN section 7, "Outgoing"). */
#include "support.h"

#include "io/fetch.h"

#include <curl/curl.h>

#define NO_URL   "not a URL"
#define NO_HOST  "a URL without a host"
#define NO_HTTPS "not https; http is for 127.0.0.0/8 and [::1] alone"
#define USER     "a URL with a user name in it"
#define ANY      "" /* refused, for whatever reason */

static const struct {
    const char *name; /* the URL itself where it can be printed */
    const char *url;  /* NULL: name */
    const char *refused;
} urls[] = {
    {"https://as.example/jwks", NULL, NULL},
    {"https://as.example", NULL, NULL},
    {"https://as.example:8443/jwks?a=b", NULL, NULL},
    {"HTTPS://AS.EXAMPLE/JWKS", NULL, NULL},
    {"https://192.0.2.1/jwks", NULL, NULL},
    {"https://[2001:db8::1]:8443/jwks", NULL, NULL},
    {"https://127.0.0.1/jwks", NULL, NULL},
    {"https://localhost/jwks", NULL, NULL},
    {"https://as.example/@path", NULL, NULL},
    {"https://as.example/?user@host", NULL, NULL},
    {"http://127.0.0.1/jwks", NULL, NULL},
    {"http://127.0.0.1:8080/jwks", NULL, NULL},
    {"http://127.0.0.1", NULL, NULL},
    {"http://127.0.0.1?a", NULL, NULL},
    {"HTTP://127.0.0.1/", NULL, NULL},
    {"http://127.0.0.0/", NULL, NULL},
    {"http://127.255.255.255/", NULL, NULL},
    {"http://[::1]/jwks", NULL, NULL},
    {"http://[::1]:8080/jwks", NULL, NULL},
    {"http://as.example/jwks", NULL, NO_HTTPS},
    {"http://126.255.255.255/", NULL, NO_HTTPS},
    {"http://128.0.0.1/", NULL, NO_HTTPS},
    {"http://localhost/", NULL, NO_HTTPS},
    {"http://127.1/", NULL, NO_HTTPS},
    {"http://127.0.1/", NULL, NO_HTTPS},
    {"http://2130706433/", NULL, NO_HTTPS},
    {"http://0x7f.1/", NULL, NO_HTTPS},
    {"http://0x7f000001/", NULL, NO_HTTPS},
    {"http://0177.0.0.1/", NULL, NO_HTTPS},
    {"http://127.0.0.01/", NULL, NO_HTTPS},
    {"http://127.0.0.1./", NULL, NO_HTTPS},
    {"http://127.0.0.1.as.example/", NULL, NO_HTTPS},
    {"http://127.0.0.1%2eas.example/", NULL, ANY},
    {"http://%31%32%37.0.0.1/", NULL, ANY},
    {"http://127.as.example/", NULL, NO_HTTPS},
    {"http://[::ffff:127.0.0.1]/", NULL, NO_HTTPS},
    {"http://[0:0:0:0:0:0:0:1]/", NULL, NO_HTTPS},
    {"http://[::1%25lo]/", NULL, ANY},
    {"http://[::2]/", NULL, NO_HTTPS},
    {"http://::1/", NULL, ANY},
    {"http://[::1]as.example/", NULL, ANY},
    {"http://[::1", NULL, ANY},
    {"http://0.0.0.0/", NULL, NO_HTTPS},
    {"http://[::]/", NULL, NO_HTTPS},
    {"https://user@as.example/", NULL, USER},
    {"https://user:password@as.example/", NULL, USER},
    {"https://@as.example/", NULL, USER},
    {"http://user@127.0.0.1/", NULL, USER},
    {"http://127.0.0.1@as.example/", NULL, USER},
    {"http://127.0.0.1:80@as.example/", NULL, USER},
    {"http://127.0.0.1\\@as.example/", NULL, ANY},
    {"http://[::1]@as.example/", NULL, USER},
    {"http://as.example/@127.0.0.1/", NULL, NO_HTTPS},
    {"http://as.example?http://127.0.0.1/", NULL, NO_HTTPS},
    {"https://", NULL, ANY},
    {"https:///jwks", NULL, NO_HOST},
    {"https:///as.example/jwks", NULL, NO_HOST},
    {"http:///127.0.0.1/", NULL, NO_HOST},
    {"https://:8443/jwks", NULL, ANY},
    {"https://?a", NULL, ANY},
    {"https:/as.example/jwks", NULL, NO_URL},
    {"https:as.example/jwks", NULL, NO_URL},
    {"http:/as.example/://127.0.0.1/", NULL, ANY},
    {"https:/as.example/://as.example/", NULL, ANY},
    {"as.example/jwks", NULL, NO_URL},
    {"//as.example/jwks", NULL, NO_URL},
    {"as.example/https://as.example/", NULL, ANY},
    {"/jwks", NULL, NO_URL},
    {"file:///etc/passwd", NULL, ANY},
    {"file://127.0.0.1/etc/passwd", NULL, ANY},
    {"ftp://127.0.0.1/jwks", NULL, ANY},
    {"gopher://127.0.0.1/", NULL, ANY},
    {"ldap://127.0.0.1/", NULL, ANY},
    {"httpss://as.example/", NULL, ANY},
    {"ws://127.0.0.1/", NULL, ANY},
    {"https://as.example:99999/", NULL, NO_URL},
    {"https://as.example:port/", NULL, NO_URL},
    {"https://as example/", NULL, NO_URL},
    {"https://as.example/a b", NULL, NO_URL},
    {"empty", "", NO_URL},
    {"a space in front", " https://as.example/", NO_URL},
    {"a space behind", "https://as.example/ ", NO_URL},
    {"a tab", "https://as.example/\tb", NO_URL},
    {"a line feed behind", "https://as.example/\n", NO_URL},
    {"a header behind", "https://as.example/ HTTP/1.1\r\nA: b", NO_URL},
    {"a control character", "https://as.example/\x01", NO_URL},
    {"a control character in the host", "https://as\x1f.example/", NO_URL},
    {"DEL", "https://as.example/\x7f", NO_URL},
};

static void url_may_be_fetched(const void *data)
{
    const char *const *row = data;
    const char        *url = row[1] != NULL ? row[1] : row[0], *refused = mto_fetch_refused_url(url);
    mto_fetcher_t     *fetcher;
    mto_outgoing_t     outgoing = {.timeout = APR_USEC_PER_SEC};

    if (row[2] == NULL) {
        assert_null(refused);
        return;
    }
    assert_non_null(refused);
    if (*row[2] != '\0') {
        assert_string_equal(refused, row[2]);
    }
    fetcher = mto_fetcher_create();
    assert_int_equal(mto_fetcher_get(fetcher, url, &outgoing, 100, NULL, NULL), 0);
    mto_fetcher_run(fetcher, 0); /* calls nobody back */
    mto_fetcher_destroy(fetcher);
}

int main(void)
{
    int failed;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    support_table("DESIGN section 7, URLs that may be fetched", url_may_be_fetched, TABLE(urls));
    failed = support_run("fetch_url");
    curl_global_cleanup();
    return failed;
}
