/* chain_memo: what is remembered, for which seconds, and what makes room. */
#include "support.h"

#include "core/chain_memo.h"

#include <string.h>

/* Verdicts of one set of the table, as their first bytes are the same; number is in the last. */
static mto_chain_verdict_t verdict_of(unsigned char number, int64_t from, int64_t until)
{
    mto_chain_verdict_t verdict = {.period = {from, until}, .links = {number}, .link_count = 1};

    verdict.x5t[MTO_X5T_SIZE - 1] = number;
    return verdict;
}

static void keep(mto_chain_memo_t *memo, unsigned char number, int64_t from, int64_t until)
{
    const mto_chain_verdict_t verdict = verdict_of(number, from, until);

    mto_chain_memo_keep(memo, &verdict);
}

static int recalls(mto_chain_memo_t *memo, unsigned char number, int64_t second)
{
    const mto_chain_verdict_t wanted = verdict_of(number, 0, 0);
    mto_chain_verdict_t       found;
    int                       hit = mto_chain_memo_recall(memo, wanted.x5t, second, &found);

    if (hit) {
        assert_int_equal(found.links[0], number);
    }
    return hit;
}

static void empty_memo_knows_nothing(const void *unused)
{
    mto_chain_memo_t *memo = mto_chain_memo_create();

    (void)unused;
    assert_false(recalls(memo, 0, 0));
    assert_false(recalls(memo, 1, 1));
    mto_chain_memo_free(memo);
    mto_chain_memo_free(NULL);
}

static void verdict_holds_for_its_seconds(const void *unused)
{
    mto_chain_memo_t *memo = mto_chain_memo_create();

    (void)unused;
    keep(memo, 1, -5, 10);
    assert_false(recalls(memo, 1, -6));
    assert_true(recalls(memo, 1, -5));
    assert_true(recalls(memo, 1, 9));
    assert_false(recalls(memo, 1, 10));
    assert_false(recalls(memo, 2, 0));
    mto_chain_memo_free(memo);
}

static void oldest_makes_room(const void *unused)
{
    mto_chain_memo_t *memo = mto_chain_memo_create();
    unsigned char     number;

    (void)unused;
    for (number = 1; number <= 5; number++) {
        keep(memo, number, 0, 10);
    }
    assert_false(recalls(memo, 1, 0));
    for (number = 2; number <= 5; number++) {
        assert_true(recalls(memo, number, 0));
    }
    mto_chain_memo_free(memo);
}

static void newer_verdict_replaces_the_older_one(const void *unused)
{
    mto_chain_memo_t *memo = mto_chain_memo_create();
    unsigned char     number;

    (void)unused;
    for (number = 1; number <= 4; number++) {
        keep(memo, number, 0, 10);
    }
    keep(memo, 3, 20, 30);
    assert_false(recalls(memo, 3, 0));
    assert_true(recalls(memo, 3, 20));
    for (number = 1; number <= 4; number++) {
        assert_true(number == 3 || recalls(memo, number, 0));
    }
    mto_chain_memo_free(memo);
}

int main(void)
{
    support_case("an empty memo knows nothing", empty_memo_knows_nothing);
    support_case("a verdict holds for its seconds", verdict_holds_for_its_seconds);
    support_case("the oldest of a set makes room", oldest_makes_room);
    support_case("a newer verdict replaces the older one alone", newer_verdict_replaces_the_older_one);
    return support_run("chain_memo");
}
