/* timing: does the time of a refusal tell where a thumbprint differs from the certificate's? A million refusals whose
 * first byte is another one, a million whose last is, in random order; Welch's t of their times. The same for a
 * comparison that stops at the first difference, which shows what this would look like. Prints, and decides nothing: t
 * beyond 4.5 in several runs is a leak.
 *
 *   timing [SAMPLES] */
#include "core/binding.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES 1000000L
#define CALLS   8     /* timed together, so that the clock's own steps do not matter */
#define LONGEST 20000 /* nanoseconds: what takes longer was interrupted */

/* Count, mean and squared distance from it, by Welford. */
typedef struct {
    double count, mean, squares;
} sample_t;

static mto_certificate_t  certificate;
static mto_confirmation_t other[2]; /* the first byte is another one; the last is */
static volatile int       sink;

static mto_refusal_t decide(const mto_confirmation_t *confirmation)
{
    const mto_shown_t shown = {.certificate = &certificate};
    mto_verdict_t     verdict = MTO_VERDICT_INIT;

    return mto_binding_decide(confirmation, &shown, MTO_MUTUAL_TLS_REQUIRED, &verdict);
}

/* The same with a comparison that leaves at the first difference, slow enough for any machine. */
static mto_refusal_t decide_leaking(const mto_confirmation_t *confirmation)
{
    volatile const unsigned char *a = confirmation->x5t, *b = certificate.x5t;
    size_t                        i = 0;

    while (i < MTO_X5T_SIZE && a[i] == b[i]) {
        i++;
    }
    sink = (int)i;
    return decide(confirmation);
}

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void add(sample_t *sample, double value)
{
    double before = value - sample->mean;

    sample->count += 1;
    sample->mean += before / sample->count;
    sample->squares += before * (value - sample->mean);
}

/* xorshift: which class is next must not depend on what came before. */
static int toss(void)
{
    static unsigned long state = 88172645463325252UL;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int)(state >> 40 & 1);
}

static void measure(const char *name, mto_refusal_t (*decider)(const mto_confirmation_t *), long samples)
{
    sample_t classes[2] = {{0, 0, 0}, {0, 0, 0}};
    double   error;
    long     i;

    for (i = 0; i < 2 * samples; i++) {
        int    which = toss(), call;
        double begin = now(), nanoseconds;

        for (call = 0; call < CALLS; call++) {
            sink = (int)decider(&other[which]);
        }
        nanoseconds = now() - begin;
        if (nanoseconds < LONGEST) {
            add(&classes[which], nanoseconds / CALLS);
        }
    }
    error = sqrt(classes[0].squares / (classes[0].count * (classes[0].count - 1))
                 + classes[1].squares / (classes[1].count * (classes[1].count - 1)));
    (void)printf("%-24s first byte %8.3f ns of %.0f, last byte %8.3f ns of %.0f, difference %+.3f ns, t %+.2f\n", name,
                 classes[0].mean, classes[0].count, classes[1].mean, classes[1].count,
                 classes[1].mean - classes[0].mean, (classes[1].mean - classes[0].mean) / error);
}

int main(int argc, char **argv)
{
    long samples = argc > 1 ? atol(argv[1]) : SAMPLES;
    int  i;

    if (samples < 2) {
        (void)fprintf(stderr, "usage: timing [SAMPLES]\n");
        return 2;
    }
    memset(certificate.x5t, 0x5a, sizeof certificate.x5t);
    for (i = 0; i < 2; i++) {
        other[i].shape = MTO_CONFIRMATION_THUMBPRINT;
        memcpy(other[i].x5t, certificate.x5t, sizeof other[i].x5t);
        other[i].x5t[i == 0 ? 0 : MTO_X5T_SIZE - 1] ^= 1;
        if (decide(&other[i]) != MTO_CERTIFICATE_MISMATCH) {
            (void)fprintf(stderr, "timing: what is measured is no certificate_mismatch\n");
            return 1;
        }
    }
    measure("certificate_mismatch", decide, samples);
    measure("the same, if it leaked", decide_leaking, samples);
    return 0;
}
