/* What works in the background does not log; it tells. */
#ifndef MTO_SAYS_H
#define MTO_SAYS_H

/* How grave what is told is. */
typedef enum {
    MTO_SAYS_INFO,
    MTO_SAYS_WARNING,
    MTO_SAYS_ERROR,
} mto_says_t;

/* text is one line. */
typedef void mto_says_fn(void *baton, mto_says_t grave, const char *text);

#endif
