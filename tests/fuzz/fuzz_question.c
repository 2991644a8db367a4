/* The question that an issuer is asked: a line with our client_id, then the token. Whatever they are, the form that is
 * sent says them and nothing else. */
#include "harness.h"

#include "core/parameters.h"
#include "io/introspection_client.h"

#include <string.h>

#define SECRET "s&e=c;r+e%t"

static mto_asker_settings_t settings;
static mto_asker_t         *asker;

void fuzz_prepare(void)
{
    const mto_asker_method_t *method = mto_asker_methods;
    const char               *error = NULL, *file = support_path("secret");

    while (strcmp(method->word, "client_secret_post") != 0) {
        method++;
    }
    support_write(file, SECRET, strlen(SECRET));
    settings = (mto_asker_settings_t){.issuer = ISSUER,
                                      .uri = "https://as.example/introspect",
                                      .client_id = "app",
                                      .secret_file = file,
                                      .method = method};
    asker = mto_asker_create(&settings, NULL, &error, support_pool());
    CHECK(asker != NULL);
}

void fuzz_one(const char *data, size_t size)
{
    static const char *const names[] = {"token", "token_type_hint", "client_id", "client_secret"};
    const char              *id = fuzz_line_text(&data, &size), *token = fuzz_text(data, size);
    const char *const        wanted[] = {token, "access_token", id, SECRET};
    mto_parameter_t          found[4];
    mto_asker_request_t      request;
    size_t                   i, pairs = 1;

    settings.client_id = id;
    CHECK(mto_asker_request(asker, &request, token, strlen(token), NULL, NULL));
    CHECK(mto_parameters_find(found, names, 4, request.body, request.size, support_pool()) == NULL);
    for (i = 0; i < 4; i++) {
        CHECK(found[i].count == 1 && strcmp(found[i].value, wanted[i]) == 0);
    }
    for (i = 0; i < request.size; i++) {
        pairs += request.body[i] == '&';
        CHECK((unsigned char)request.body[i] > 0x20 && (unsigned char)request.body[i] < 0x7f);
    }
    CHECK(pairs == 4 && memchr(request.body, ';', request.size) == NULL);
    mto_asker_request_clear(&request);
}
