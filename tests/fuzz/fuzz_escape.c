/* Texts of others for our pages and documents, any bytes: what comes out is plain UTF-8, ends nothing that it stands
 * in, and is the same text in each place. */
#include "harness.h"

#include "core/escape.h"

#include <string.h>

void fuzz_prepare(void)
{
}

/* Takes the substitutes of HTML back. */
static const char *unescape(const char *html)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    static const char        characters[] = "&<>\"'";
    char                    *text = apr_palloc(support_pool(), strlen(html) + 1), *to = text;

    while (*html != '\0') {
        size_t i;

        for (i = 0; i < 5 && strncmp(html, entities[i], strlen(entities[i])) != 0; i++) {
        }
        CHECK(i < 5 || strchr(characters, *html) == NULL);
        *to++ = i < 5 ? characters[i] : *html;
        html += i < 5 ? strlen(entities[i]) : 1;
    }
    *to = '\0';
    return text;
}

/* Takes the backslashes back; every quote has one. */
static const char *unquote(const char *label)
{
    char *text = apr_palloc(support_pool(), strlen(label) + 1), *to = text;

    for (; *label != '\0'; label++) {
        CHECK(*label != '"');
        if (*label == '\\') {
            label++;
            CHECK(*label == '"' || *label == '\\');
        }
        *to++ = *label;
    }
    *to = '\0';
    return text;
}

void fuzz_one(const char *data, size_t size)
{
    const char *text = fuzz_text(data, size), *plain = mto_escape(support_pool(), MTO_ESCAPE_PLAIN, text);
    const char *html = mto_escape(support_pool(), MTO_ESCAPE_HTML, text);
    const char *label = mto_escape(support_pool(), MTO_ESCAPE_LABEL, text);

    CHECK(fuzz_is_plain(plain));
    CHECK(strcmp(mto_escape(support_pool(), MTO_ESCAPE_PLAIN, plain), plain) == 0);
    CHECK(strcmp(unescape(html), plain) == 0);
    CHECK(strcmp(unquote(label), plain) == 0);
    CHECK(!fuzz_is_plain(text) || strstr(plain, "\xef\xbf\xbd") != NULL || strcmp(plain, text) == 0);
}
