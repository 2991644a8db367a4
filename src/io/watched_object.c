#include "io/watched_object.h"

#include "io/watched_file.h"

#include <apr_strings.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the files of an object say. */
typedef struct {
    char  **text; /* NUL-terminated */
    size_t *size;
} texts_t;

struct mto_watched_object_t {
    const mto_object_class_t *class;
    const void               *baton;
    const apr_array_header_t *files;
    mto_watched_file_t       *watched; /* one for each file */
    texts_t                   good;    /* what the object in force was made of; NULL where a file stands alone */
    pthread_mutex_t           lock;    /* guards what follows */
    void                     *in_force;
};

/* Index of the file at fault when none is. */
#define NO_FILE (-1)

static const mto_object_file_t *file_at(const mto_watched_object_t *object, int i)
{
    return &APR_ARRAY_IDX(object->files, i, mto_object_file_t);
}

static void free_texts(texts_t *texts, int count)
{
    int i;

    for (i = 0; texts->text != NULL && i < count; i++) {
        free(texts->text[i]);
    }
    free(texts->text);
    free(texts->size);
    memset(texts, 0, sizeof *texts);
}

static apr_status_t object_end(void *data)
{
    mto_watched_object_t *object = data;

    if (object->in_force != NULL) {
        object->class->release(object->in_force);
    }
    free_texts(&object->good, object->files->nelts);
    (void)pthread_mutex_destroy(&object->lock);
    return APR_SUCCESS;
}

/* Reads one file; returns NULL or why not. */
static const char *read_file(mto_watched_object_t *object, texts_t *texts, int i)
{
    return mto_watched_file_read(&object->watched[i], &texts->text[i], &texts->size[i], file_at(object, i)->most);
}

/* Room for the texts of all files. */
static int prepare(const mto_watched_object_t *object, texts_t *texts)
{
    size_t count = (size_t)object->files->nelts + 1;

    texts->text = calloc(count, sizeof *texts->text);
    texts->size = calloc(count, sizeof *texts->size);
    return texts->text != NULL && texts->size != NULL;
}

/* Has the object that was made of texts in force, and keeps them, as long as one may be needed beside a new other one.
 */
static void put(mto_watched_object_t *object, void *made, texts_t *texts)
{
    void *former;

    (void)pthread_mutex_lock(&object->lock);
    former = object->in_force;
    object->in_force = made;
    (void)pthread_mutex_unlock(&object->lock);
    if (former != NULL) {
        object->class->release(former);
    }
    free_texts(&object->good, object->files->nelts);
    if (object->files->nelts > 1) {
        object->good = *texts;
        memset(texts, 0, sizeof *texts);
    }
}

mto_watched_object_t *mto_watched_object_create(const mto_object_class_t *class, const void *baton,
                                                const apr_array_header_t *files, const char **error, apr_pool_t *pool)
{
    mto_watched_object_t *object = apr_pcalloc(pool, sizeof *object);
    char                  reason[MTO_WATCHED_REASON_SIZE] = "out of memory";
    texts_t               texts = {NULL, NULL};
    const char           *why = NULL;
    void                 *made = NULL;
    int                   i, wrong = NO_FILE;

    object->class = class;
    object->baton = baton;
    object->files = files;
    object->watched = apr_pcalloc(pool, (size_t)files->nelts * sizeof *object->watched);
    (void)pthread_mutex_init(&object->lock, NULL);
    apr_pool_cleanup_register(pool, object, object_end, apr_pool_cleanup_null);
    if (prepare(object, &texts)) {
        for (i = 0; why == NULL && i < files->nelts; i++) {
            object->watched[i].name = file_at(object, i)->name;
            wrong = i;
            why = read_file(object, &texts, i);
        }
        wrong = why == NULL ? NO_FILE : wrong;
        made = why == NULL ? class->make(baton, texts.text, texts.size, &wrong, reason) : NULL;
    }
    if (made != NULL) {
        put(object, made, &texts);
    }
    free_texts(&texts, files->nelts);
    if (made == NULL) {
        why = why != NULL ? why : reason;
        *error = wrong == NO_FILE ? apr_pstrdup(pool, why)
                                  : apr_psprintf(pool, "%s %s: %s", file_at(object, wrong)->directive,
                                                 file_at(object, wrong)->name, why);
        return NULL;
    }
    return object;
}

void *mto_watched_object_get(mto_watched_object_t *object)
{
    void *taken;

    (void)pthread_mutex_lock(&object->lock);
    taken = object->class->retain(object->in_force);
    (void)pthread_mutex_unlock(&object->lock);
    return taken;
}

const apr_array_header_t *mto_watched_object_files(const mto_watched_object_t *object)
{
    return object->files;
}

int mto_watched_object_is(const mto_watched_object_t *object, const mto_object_class_t *class,
                          const apr_array_header_t   *files)
{
    int i;

    if (object->class != class || object->files->nelts != files->nelts) {
        return 0;
    }
    for (i = 0; i < files->nelts; i++) {
        const mto_object_file_t *file = &APR_ARRAY_IDX(files, i, mto_object_file_t);

        if (strcmp(file_at(object, i)->name, file->name) != 0
            || strcmp(file_at(object, i)->directive, file->directive) != 0) {
            return 0;
        }
    }
    return 1;
}

/* One renewal. */
typedef struct {
    mto_watched_object_t *object;
    mto_says_fn          *say;
    void                 *baton;
    texts_t               texts;
} renewal_t;

static void tell(const renewal_t *renewal, mto_says_t grave, int file, const char *what)
{
    char text[2 * MTO_WATCHED_REASON_SIZE];

    (void)snprintf(text, sizeof text, "%s %s: %s", file_at(renewal->object, file)->directive,
                   file_at(renewal->object, file)->name, what);
    renewal->say(renewal->baton, grave, text);
}

/* Whether a text is another than the one that the object in force was made of. */
static int is_new(const renewal_t *renewal, int file)
{
    const texts_t *good = &renewal->object->good, *texts = &renewal->texts;

    return good->text == NULL || texts->text[file] == NULL || texts->size[file] != good->size[file]
           || memcmp(texts->text[file], good->text[file], good->size[file]) != 0;
}

/* A file with a new text; NO_FILE: there is none. */
static int find_new(const renewal_t *renewal)
{
    int i;

    for (i = 0; i < renewal->object->files->nelts; i++) {
        if (is_new(renewal, i)) {
            return i;
        }
    }
    return NO_FILE;
}

/* Goes back to what was last good of a file, and tells why. Returns 0 when there is no way back. */
static int fall_back(renewal_t *renewal, int file, const char *why)
{
    const texts_t *good = &renewal->object->good;
    char           what[MTO_WATCHED_REASON_SIZE + 64], *again;

    (void)snprintf(what, sizeof what, "%s; what was last read from it stays in force", why);
    tell(renewal, MTO_SAYS_ERROR, file, what);
    if (good->text == NULL || !is_new(renewal, file) || (again = malloc(good->size[file] + 1)) == NULL) {
        return 0;
    }
    memcpy(again, good->text[file], good->size[file] + 1);
    free(renewal->texts.text[file]);
    renewal->texts.text[file] = again;
    renewal->texts.size[file] = good->size[file];
    return 1;
}

/* Makes the object of the new texts, and of the last good ones in place of those that are no good: who is taken out of
 * one file is out, whatever is wrong with another. NULL: there is nothing new and good. */
static void *make_anew(renewal_t *renewal)
{
    mto_watched_object_t *object = renewal->object;
    char                  reason[MTO_WATCHED_REASON_SIZE];
    void                 *made = NULL;
    int                   i, wrong, ok = 1;

    for (i = 0; ok && i < object->files->nelts; i++) {
        const char *why = read_file(object, &renewal->texts, i);

        ok = why == NULL || fall_back(renewal, i, why);
    }
    while (ok && made == NULL && (i = find_new(renewal)) != NO_FILE) {
        wrong = NO_FILE;
        made = object->class->make(object->baton, renewal->texts.text, renewal->texts.size, &wrong, reason);
        if (made != NULL) {
            tell(renewal, MTO_SAYS_INFO, i, "read again");
        }
        else {
            ok = fall_back(renewal, wrong == NO_FILE ? i : wrong, reason);
        }
    }
    return made;
}

void mto_watched_object_renew(mto_watched_object_t *object, mto_says_fn *say, void *baton)
{
    renewal_t renewal = {object, say, baton, {NULL, NULL}};
    int       i, changed = 0;
    void     *made = NULL;

    for (i = 0; i < object->files->nelts; i++) {
        /* Each is asked, so that each has been looked at. */
        changed |= mto_watched_file_has_changed(&object->watched[i]);
    }
    errno = 0;
    if (changed && prepare(object, &renewal.texts) && (made = make_anew(&renewal)) != NULL) {
        put(object, made, &renewal.texts);
    }
    else if (changed && errno == ENOMEM) {
        for (i = 0; i < object->files->nelts; i++) {
            object->watched[i].again = 1;
        }
    }
    free_texts(&renewal.texts, object->files->nelts);
}
