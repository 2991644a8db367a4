/* seal: what a shared cache holds opens for who has the key, at its place, whole, until its end (DESIGN section 8). */
#include "support.h"

#include "core/seal.h"

#include <string.h>

#define KEY_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define KEY_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB="
#define JSON  "{\"active\":true,\"sub\":\"alice\"}"
#define END   (NOW + apr_time_from_sec(60))

static const unsigned char id[MTO_SEAL_ID_SIZE] = {1}, other_id[MTO_SEAL_ID_SIZE] = {2};
static const unsigned char nonce[MTO_SEAL_NONCE_SIZE] = {9};

static mto_seal_t *seal_of(const char *text)
{
    char        reason[MTO_SEAL_REASON_SIZE] = "";
    mto_seal_t *seal = mto_seal_create(text, strlen(text), reason);

    if (seal == NULL) {
        fail_msg("%s", reason);
    }
    return seal;
}

/* --- Keys --- */

typedef struct {
    const char *name, *text;
    size_t      count;  /* of keys; 0: refused */
    const char *wanted; /* in the reason */
} keys_row_t;

static const keys_row_t key_files[] = {
    {"one key", KEY_A "\n", 1, NULL},
    {"without a newline", KEY_A, 1, NULL},
    {"two keys", KEY_A "\n" KEY_B "\n", 2, NULL},
    {"comments", "# cache\n\n  " KEY_A " # since May\r\n", 1, NULL},
    {"three keys", KEY_A "\n" KEY_B "\n" KEY_A "\n", 0, "line 3: more than two keys"},
    {"nothing", "", 0, "no key in it"},
    {"comments alone", "# " KEY_A "\n", 0, "no key in it"},
    {"a short key", "# x\nshort\n", 0, "line 2: a key has at least 43"},
    {"42 characters", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", 0, "line 1: a key has at least 43"},
    {"two words", "AAAAAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAAAAA\n", 0, "line 1: a key is one word"},
    {"a high byte", "\xc3\xa4" KEY_A "\n", 0, "line 1: a key is one word"},
};

static void key_file_is_read(const void *data)
{
    const keys_row_t *row = data;
    char              reason[MTO_SEAL_REASON_SIZE] = "";
    mto_seal_t       *seal = mto_seal_create(row->text, strlen(row->text), reason);

    assert_true((seal != NULL) == (row->count > 0));
    if (seal != NULL) {
        assert_int_equal(mto_seal_count(seal), row->count);
        mto_seal_release(seal);
        return;
    }
    assert_non_null(strstr(reason, row->wanted));
    assert_null(strstr(reason, "AAAA"));
}

/* --- Opening --- */

typedef struct {
    const char *name;
    const char *keys;      /* of who opens */
    size_t      by;        /* which of them */
    int         elsewhere; /* at the place of another token */
    int         flip;      /* this bit is another one; -1: none */
    int         cut;       /* bytes that are missing */
    apr_time_t  later;
    int         opens;
} open_row_t;

static const open_row_t openings[] = {
    {"as it was sealed", KEY_A, 0, 0, -1, 0, 0, 1},
    {"by the second key", KEY_B "\n" KEY_A, 1, 0, -1, 0, 0, 1},
    {"by the first of them", KEY_B "\n" KEY_A, 0, 0, -1, 0, 0, 0},
    {"by another key", KEY_B, 0, 0, -1, 0, 0, 0},
    {"at another token's place", KEY_A, 0, 1, -1, 0, 0, 0},
    {"just before its end", KEY_A, 0, 0, -1, 0, 60000000 - 1, 1},
    {"at its end", KEY_A, 0, 0, -1, 0, 60000000, 0},
    {"cut by a byte", KEY_A, 0, 0, -1, 1, 0, 0},
    {"cut to the overhead", KEY_A, 0, 0, -1, sizeof JSON - 1, 0, 0},
    {"cut to a byte", KEY_A, 0, 0, -1, sizeof JSON - 1 + MTO_SEAL_OVERHEAD - 1, 0, 0},
    {"cut to nothing", KEY_A, 0, 0, -1, sizeof JSON - 1 + MTO_SEAL_OVERHEAD, 0, 0},
};

static size_t sealed_by(const char *keys, unsigned char *out)
{
    const mto_sealed_answer_t answer = {NOW, END, JSON, sizeof JSON - 1};
    unsigned char             place[MTO_SEAL_ID_SIZE];
    mto_seal_t               *seal = seal_of(keys);
    size_t                    size;

    assert_true(mto_seal_place(seal, 0, id, place));
    size = mto_seal_close(seal, place, nonce, &answer, out);
    mto_seal_release(seal);
    assert_int_equal(size, sizeof JSON - 1 + MTO_SEAL_OVERHEAD);
    return size;
}

static void opens_for_whom_it_is_meant(const void *data)
{
    const open_row_t   *row = data;
    unsigned char       sealed[sizeof JSON + MTO_SEAL_OVERHEAD], place[MTO_SEAL_ID_SIZE];
    char                json[sizeof sealed];
    mto_sealed_answer_t answer;
    size_t              size = sealed_by(KEY_A, sealed) - (size_t)row->cut;
    mto_seal_t         *seal = seal_of(row->keys);
    int                 opens;

    assert_true(mto_seal_place(seal, row->by, row->elsewhere ? other_id : id, place));
    opens = mto_seal_open(seal, row->by, place, sealed, size, NOW + row->later, json, &answer);
    mto_seal_release(seal);
    assert_int_equal(opens, row->opens);
    if (opens) {
        assert_int_equal(answer.size, sizeof JSON - 1);
        assert_memory_equal(answer.json, JSON, sizeof JSON - 1);
        assert_true(answer.answered == NOW && answer.end == END);
    }
}

static void changed_bit_does_not_open(const void *unused)
{
    unsigned char       sealed[sizeof JSON + MTO_SEAL_OVERHEAD], place[MTO_SEAL_ID_SIZE];
    char                json[sizeof sealed];
    mto_sealed_answer_t answer;
    size_t              size = sealed_by(KEY_A, sealed), bit;
    mto_seal_t         *seal = seal_of(KEY_A);

    (void)unused;
    assert_true(mto_seal_place(seal, 0, id, place));
    for (bit = 0; bit < 8 * size; bit++) {
        sealed[bit / 8] = (unsigned char)(sealed[bit / 8] ^ 1 << bit % 8);
        assert_false(mto_seal_open(seal, 0, place, sealed, size, NOW, json, &answer));
        sealed[bit / 8] = (unsigned char)(sealed[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(mto_seal_open(seal, 0, place, sealed, size, NOW, json, &answer));
    mto_seal_release(seal);
}

static void nothing_is_shown(const void *unused)
{
    unsigned char sealed[sizeof JSON + MTO_SEAL_OVERHEAD], a[MTO_SEAL_ID_SIZE], b[MTO_SEAL_ID_SIZE];
    size_t        size = sealed_by(KEY_A, sealed);
    mto_seal_t   *seal = seal_of(KEY_A "\n" KEY_B);

    (void)unused;
    assert_null(memmem(sealed, size, "active", 6));
    assert_true(mto_seal_place(seal, 0, id, a) && mto_seal_place(seal, 1, id, b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, id, sizeof a);
    assert_ptr_equal(mto_seal_retain(seal), seal);
    mto_seal_release(seal);
    mto_seal_release(seal);
    mto_seal_release(NULL);
}

int main(void)
{
    support_table("MTLSOAuthSharedCacheKeyFile", key_file_is_read, TABLE(key_files));
    support_table("DESIGN section 8, sealed", opens_for_whom_it_is_meant, TABLE(openings));
    support_case("a changed bit does not open", changed_bit_does_not_open);
    support_case("neither answer nor token is shown", nothing_is_shown);
    return support_run("seal");
}
