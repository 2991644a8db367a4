/* state_file: what was written is read back, for its own source alone, and what happens when it cannot be written
 * (DESIGN section 7). */
#include "states.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- What is written is read back --------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *jwks;
    const char *jwks_uri, *introspection, *mtls_introspection;
} content_t;

static const content_t contents[] = {
    {"of a bare jwks_uri", JWKS, NULL, NULL, NULL},
    {"with metadata", JWKS, "https://as.example/jwks", "https://as.example/i", "https://mtls.as.example/i"},
    {"with some metadata", JWKS, "https://as.example/jwks", NULL, "https://mtls.as.example/i"},
    {"with empty metadata", JWKS, "", "", ""},
    {"white space and escapes", "\t{\r\n\"keys\" : [\"\\\"\\u0001\\\\\"]}\n", NULL, NULL, NULL},
    {"beyond ASCII", "{\"keys\":[],\"\xc3\xa9\":\"\xf0\x9f\x94\x91\x7f\"}", "https://as.example/\xc3\xa9", NULL, NULL},
    {"empty", "", NULL, NULL, NULL},
};

static void assert_same(const char *text, const char *wanted)
{
    assert_true((text == NULL) == (wanted == NULL));
    if (wanted != NULL) {
        assert_string_equal(text, wanted);
    }
}

static void state_comes_back(const void *data)
{
    const content_t  *row = data;
    mto_state_place_t place = fresh_place();
    mto_state_t       state = state_of(row->jwks), back;
    int               missing = 9;

    state.metadata.jwks_uri = (char *)row->jwks_uri;
    state.metadata.introspection_endpoint = (char *)row->introspection;
    state.metadata.mtls_introspection_endpoint = (char *)row->mtls_introspection;
    assert_null(mto_state_write(&place, &source, &state));
    memset(&back, 'x', sizeof back);
    assert_null(mto_state_read(&back, &place, &source, NOW, &missing));
    assert_int_equal(missing, 0);
    assert_int_equal(back.fetched, NOW);
    assert_int_equal(back.jwks_size, strlen(row->jwks));
    assert_same(back.jwks, row->jwks);
    assert_same(back.metadata.jwks_uri, row->jwks_uri);
    assert_same(back.metadata.introspection_endpoint, row->introspection);
    assert_same(back.metadata.mtls_introspection_endpoint, row->mtls_introspection);
    mto_state_clear(&back);
    assert_null(back.jwks);
    mto_state_clear(&back);
}

/* Every byte of it takes two in the file. */
static void largest_document_comes_back(const void *unused)
{
    mto_state_place_t place = fresh_place();
    const char       *jwks = support_repeat("\n\"\\\t", MTO_KEYSET_BYTES / 4);

    (void)unused;
    write_state(&place, &source, jwks);
    assert_believed(&place, &source, jwks);
}

static void later_state_replaces_the_earlier(const void *unused)
{
    mto_state_place_t place = fresh_place();
    struct stat       before, after;
    const char       *path;

    (void)unused;
    write_state(&place, &source, "{\"keys\":[1]}");
    path = file_of(place.directory);
    assert_int_equal(stat(path, &before), 0);
    write_state(&place, &source, JWKS);
    assert_int_equal(stat(file_of(place.directory), &after), 0);
    assert_true(before.st_ino != after.st_ino); /* renamed, not written over: who reads the old one reads all of it */
    assert_believed(&place, &source, JWKS);
}

static void file_is_its_users_alone(const void *unused)
{
    mto_state_place_t place = fresh_place();
    mode_t            mask = umask(0);
    mto_state_t       state = state_of(JWKS);
    const char       *reason = mto_state_write(&place, &source, &state);
    struct stat       now;

    (void)unused;
    (void)umask(mask);
    assert_null(reason);
    assert_int_equal(stat(file_of(place.directory), &now), 0);
    assert_int_equal(now.st_mode & 07777, 0600);
}

typedef struct {
    const char *name;
    apr_time_t  fetched; /* from now */
    int         taken;
} age_t;

static const age_t ages[] = {
    {"now", 0, 1},
    {"a microsecond ago", -1, 1},
    {"a year ago", -31536000 * APR_USEC_PER_SEC, 1},
    {"a microsecond ahead", 1, 0},
    {"a year ahead", 31536000 * APR_USEC_PER_SEC, 0},
    {"the end of time", APR_INT64_MAX - NOW, 0},
};

static void future_is_not_believed(const void *data)
{
    const age_t      *row = data;
    mto_state_place_t place = fresh_place();
    mto_state_t       state = state_of(JWKS);

    state.fetched = NOW + row->fetched;
    assert_null(mto_state_write(&place, &source, &state));
    if (row->taken) {
        assert_believed(&place, &source, JWKS);
    }
    else {
        assert_refused(&place, &source, 0);
    }
}

/* --- Sources ------------------------------------------------------------------------------------------------ */

/* What is kept is for the sources of one origin alone. */
typedef struct {
    const char      *name;
    mto_key_source_t first, second;
    int              is_same; /* whether the second may use what the first wrote */
} origin_t;

#define OTHER_ISSUER "https://other.example"
#define URL          "https://as.example/jwks"
#define OTHER_URL    "https://as.example/jwks2"

#define BARE(...)                                                                                                      \
    {                                                                                                                  \
        .issuer = ISSUER, .jwks_uri = URL, .settings = { __VA_ARGS__ }                                                 \
    }
#define DISCOVERED(...)                                                                                                \
    {                                                                                                                  \
        .issuer = ISSUER, .settings = { __VA_ARGS__ }                                                                  \
    }

static const origin_t origins[] = {
    {"the same URL", BARE(0), BARE(0), 1},
    {"the same URL of another issuer", BARE(0), {.issuer = OTHER_ISSUER, .jwks_uri = URL}, 0},
    {"the same URL at other times", BARE(1, 2, 3, 4), BARE(5, 6, 7, 8), 1},
    {"the same URL with a file named none", BARE(0), BARE(.ca_file = ""), 1},
    {"another URL", BARE(0), {.issuer = ISSUER, .jwks_uri = OTHER_URL}, 0},
    {"the same URL trusted by another file", BARE(.ca_file = "a"), BARE(.ca_file = "b"), 0},
    {"the same URL trusted by the system", BARE(.ca_file = "a"), BARE(0), 0},
    {"the same URL, asked with another certificate", BARE(.certificate_file = "a"), BARE(.certificate_file = "b"), 0},
    {"the same URL, asked with another key", BARE(.key_file = "a"), BARE(.key_file = "b"), 0},
    {"the same URL through a proxy", BARE(0), BARE(.proxy = "http://proxy.example"), 0},
    {"one file in another's place", BARE(.ca_file = "a"), BARE(.certificate_file = "a"), 0},
    {"the same issuer", DISCOVERED(0), DISCOVERED(0), 1},
    {"the same issuer at other times", DISCOVERED(1, 2, 3, 4), DISCOVERED(0), 1},
    {"another issuer", DISCOVERED(0), {.issuer = OTHER_ISSUER}, 0},
    {"the same issuer trusted by another file", DISCOVERED(0), DISCOVERED(.ca_file = "a"), 0},
    {"the same metadata",
     {.issuer = ISSUER, .metadata_uri = OTHER_URL},
     {.issuer = ISSUER, .metadata_uri = OTHER_URL},
     1},
    {"the same metadata of another issuer",
     {.issuer = ISSUER, .metadata_uri = OTHER_URL},
     {.issuer = OTHER_ISSUER, .metadata_uri = OTHER_URL},
     0},
    {"discovered, and metadata by URL", DISCOVERED(0), {.issuer = ISSUER, .metadata_uri = OTHER_URL}, 0},
    {"a URL of keys, and of metadata", BARE(0), {.issuer = ISSUER, .metadata_uri = URL}, 0},
    {"a URL of keys, and an issuer", {.issuer = ISSUER, .jwks_uri = ISSUER}, DISCOVERED(0), 0},
};

static void state_is_for_one_origin(const void *data)
{
    const origin_t   *row = data;
    mto_state_place_t place = fresh_place();
    const char       *first, *second;

    write_state(&place, &row->second, "{\"keys\":[2]}");
    second = file_of(place.directory);
    assert_int_equal(unlink(second), 0);
    write_state(&place, &row->first, JWKS);
    first = file_of(place.directory);
    if (row->is_same) {
        assert_string_equal(first, second);
        assert_believed(&place, &row->second, JWKS);
        return;
    }
    assert_string_not_equal(first, second);
    assert_refused(&place, &row->second, 1);
    assert_int_equal(rename(first, second), 0); /* sealed with the right key, but in another's place */
    assert_refused(&place, &row->second, 0);
}

/* --- Writing that fails ------------------------------------------------------------------------------------- */

/* A file that grows too large for the process stands in for a full disk. */
static void failed_write_leaves_the_old_file(const void *unused)
{
    mto_state_place_t place = fresh_place();
    mto_state_t       state = state_of(support_repeat(" ", 10000));
    struct rlimit     limit, small;
    const char       *reason;

    (void)unused;
    write_state(&place, &source, JWKS);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 4096;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    reason = mto_state_write(&place, &source, &state);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_non_null(reason);
    assert_string_equal(reason, strerror(EFBIG));
    (void)file_of(place.directory); /* nothing else is left behind */
    assert_believed(&place, &source, JWKS);
}

static void write_needs_the_directory(const void *unused)
{
    mto_state_place_t place = {.directory = fresh_path()};
    mto_state_t       state = state_of(JWKS);

    (void)unused;
    assert_string_equal(mto_state_write(&place, &source, &state), strerror(ENOENT));
    assert_refused(&place, &source, 1);
    place.directory = support_repeat("/x", 1000);
    assert_non_null(mto_state_write(&place, &source, &state));
    assert_refused(&place, &source, 0);
}

/* What a process that was killed while it wrote has left. */
static void leftovers_do_not_matter(const void *unused)
{
    mto_state_place_t place = fresh_place();
    const char       *path;

    (void)unused;
    write_state(&place, &source, JWKS);
    path = file_of(place.directory);
    assert_int_equal(symlink("/dev/full", support_text("%s.%ld", path, (long)getpid())), 0);
    write_state(&place, &source, "{\"keys\":[2]}");
    assert_string_equal(file_of(place.directory), path);
    assert_believed(&place, &source, "{\"keys\":[2]}");
}

int main(void)
{
    support_table("DESIGN section 7, what is written is read back", state_comes_back, TABLE(contents));
    support_case("DESIGN section 7, what is written is read back: 1 MiB", largest_document_comes_back);
    support_case("a later state replaces the earlier by rename", later_state_replaces_the_earlier);
    support_case("a state file is its user's alone", file_is_its_users_alone);
    support_table("DESIGN section 7, a time in the future", future_is_not_believed, TABLE(ages));
    support_table("what is kept is for one origin", state_is_for_one_origin, TABLE(origins));
    support_case("a failed write leaves the old file", failed_write_leaves_the_old_file);
    support_case("a write needs the directory", write_needs_the_directory);
    support_case("what a killed writer left does not matter", leftovers_do_not_matter);
    return support_run("state_file");
}
