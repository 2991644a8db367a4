#include "io/shared_text.h"

#include <string.h>

#define WORDS (MTO_SHARED_TEXT_SIZE / 8)

void mto_shared_text_put(mto_shared_text_t *shared, const char *text)
{
    uint64_t words[WORDS] = {0};
    size_t   i;

    memcpy(words, text, strnlen(text, MTO_SHARED_TEXT_SIZE - 1));
    for (i = 0; i < WORDS; i++) {
        atomic_store_explicit(&shared->words[i], words[i], memory_order_relaxed);
    }
}

void mto_shared_text_get(const mto_shared_text_t *shared, char text[MTO_SHARED_TEXT_SIZE])
{
    uint64_t words[WORDS];
    size_t   i;

    for (i = 0; i < WORDS; i++) {
        words[i] = atomic_load_explicit(&shared->words[i], memory_order_relaxed);
    }
    memcpy(text, words, sizeof words);
    text[MTO_SHARED_TEXT_SIZE - 1] = '\0';
}
