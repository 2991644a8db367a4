/* escape: texts of others, for each place where they are shown. */
#include "core/escape.h"
#include "support.h"

#include <apr_general.h>

#define FFFD "\xef\xbf\xbd"

static const struct {
    const char *text, *html, *label, *plain;
} rows[] = {
    {NULL, "", "", ""},
    {"urn:a", "urn:a", "urn:a", "urn:a"},
    {"<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;", "<b>&\\\"'", "<b>&\"'"},
    {"a\\b", "a\\b", "a\\\\b", "a\\b"},
    {"a\nb\r\tc\x7f", "a" FFFD "b" FFFD FFFD "c" FFFD, "a" FFFD "b" FFFD FFFD "c" FFFD,
     "a" FFFD "b" FFFD FFFD "c" FFFD},
    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91",
     "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x94\x91"},
    /* cut, overlong, a surrogate, beyond the last, a lone byte */
    {"\xc3", FFFD, FFFD, FFFD},
    {"\xe2\x82", FFFD FFFD, FFFD FFFD, FFFD FFFD},
    {"\xc0\xbc", FFFD FFFD, FFFD FFFD, FFFD FFFD},
    {"\xe0\x80\xbc", FFFD FFFD FFFD, FFFD FFFD FFFD, FFFD FFFD FFFD},
    {"\xed\xa0\x80", FFFD FFFD FFFD, FFFD FFFD FFFD, FFFD FFFD FFFD},
    {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD, FFFD FFFD FFFD FFFD, FFFD FFFD FFFD FFFD},
    {"\x80<", FFFD "&lt;", FFFD "<", FFFD "<"},
    /* what turns the direction or ends a line: U+202E, U+2066, U+200F, U+2028, U+0085 */
    {"a\xe2\x80\xae"
     "b\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8\xc2\x85",
     "a" FFFD "b" FFFD FFFD FFFD FFFD, "a" FFFD "b" FFFD FFFD FFFD FFFD, "a" FFFD "b" FFFD FFFD FFFD FFFD},
};

static void texts_are_escaped_for_their_place(void **state)
{
    apr_pool_t *pool;
    size_t      i;

    (void)state;
    assert_int_equal(apr_pool_create(&pool, NULL), APR_SUCCESS);
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(mto_escape(pool, MTO_ESCAPE_HTML, rows[i].text), rows[i].html);
        assert_string_equal(mto_escape(pool, MTO_ESCAPE_LABEL, rows[i].text), rows[i].label);
        assert_string_equal(mto_escape(pool, MTO_ESCAPE_PLAIN, rows[i].text), rows[i].plain);
    }
    apr_pool_destroy(pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(texts_are_escaped_for_their_place)};
    int                            failed;

    (void)apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
