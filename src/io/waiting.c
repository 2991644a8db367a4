#include "io/waiting.h"

#include <stdatomic.h>

static atomic_uint waiting;

int mto_waiting_enter(unsigned most)
{
    if (atomic_fetch_add(&waiting, 1) < most) {
        return 1;
    }
    atomic_fetch_sub(&waiting, 1);
    return 0;
}

void mto_waiting_leave(void)
{
    atomic_fetch_sub(&waiting, 1);
}
