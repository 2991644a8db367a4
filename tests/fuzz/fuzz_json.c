/* JSON of others, any bytes: what the strict reader takes is what jansson reads there, and it leaves out no more than
 * it says: deep nesting, doubled members, what is no object. */
#include "harness.h"

#include "core/json.h"

void fuzz_prepare(void)
{
}

/* An mto_json_element_fn. */
static int collect(void *baton, size_t position, const json_t *element)
{
    CHECK(json_is_object(element));
    CHECK(position == json_array_size(baton));
    CHECK(json_array_append(baton, (json_t *)element) == 0);
    return 1;
}

static int is_of_objects(const json_t *value)
{
    const json_t *element;
    size_t        i;

    json_array_foreach(value, i, element)
    {
        if (!json_is_object(element)) {
            return 0;
        }
    }
    return json_is_array(value);
}

static void check_array(const char *data, size_t size, const json_t *whole)
{
    json_t     *elements = json_array();
    const char *reason = NULL;
    size_t      position = SIZE_MAX;
    int         taken = mto_json_each_object(data, size, collect, elements, &position, &reason);

    CHECK(taken == (is_of_objects(whole) && fuzz_depth(whole) <= MTO_JSON_DEPTH));
    CHECK(position == json_array_size(elements));
    CHECK(taken ? json_equal(elements, whole) : reason != NULL);
    json_decref(elements);
}

void fuzz_one(const char *data, size_t size)
{
    json_error_t error;
    const char  *reason = NULL;
    json_t      *whole = json_loadb(data, size, JSON_REJECT_DUPLICATES, &error);
    json_t      *object = mto_json_read_object(data, size, &reason);

    CHECK((object != NULL) == (json_is_object(whole) && fuzz_depth(whole) <= MTO_JSON_DEPTH));
    CHECK(object != NULL ? json_equal(object, whole) : reason != NULL);
    check_array(data, size, whole);
    json_decref(object);
    json_decref(whole);
}
