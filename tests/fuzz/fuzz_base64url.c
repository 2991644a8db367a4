/* base64url and base64, any bytes: what is decoded has that one spelling; what is encoded comes back. */
#include "harness.h"

#include "core/base64url.h"

#include <string.h>

void fuzz_prepare(void)
{
}

/* RFC 4648 section 4, by OpenSSL. */
static const char *base64_of(const unsigned char *bytes, long size)
{
    unsigned char *text = apr_palloc(support_pool(), (size_t)size / 3 * 4 + 5);

    (void)EVP_EncodeBlock(text, bytes, (int)size);
    return (const char *)text;
}

void fuzz_one(const char *data, size_t size)
{
    unsigned char *bytes = apr_palloc(support_pool(), MTO_BASE64URL_DECODED_SIZE(size));
    char          *text = apr_palloc(support_pool(), MTO_BASE64URL_ENCODED_SIZE(size));
    long           decoded = mto_base64url_decode(bytes, data, size);

    CHECK(decoded >= -1);
    if (decoded >= 0) {
        mto_base64url_encode(text, bytes, (size_t)decoded);
        CHECK(strlen(text) == size && memcmp(text, data, size) == 0);
    }
    decoded = mto_base64_decode(bytes, data, size);
    CHECK(decoded >= -1);
    if (decoded >= 0) {
        const char *again = base64_of(bytes, decoded);

        CHECK(strlen(again) == size && memcmp(again, data, size) == 0);
    }
    mto_base64url_encode(text, (const unsigned char *)data, size);
    bytes = apr_palloc(support_pool(), MTO_BASE64URL_DECODED_SIZE(strlen(text)));
    CHECK(mto_base64url_decode(bytes, text, strlen(text)) == (long)size && memcmp(bytes, data, size) == 0);
    text = (char *)base64_of((const unsigned char *)data, (long)size);
    CHECK(mto_base64_decode(bytes, text, strlen(text)) == (long)size && memcmp(bytes, data, size) == 0);
}
