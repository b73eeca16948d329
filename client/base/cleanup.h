/* SPDX-License-Identifier: Apache-2.0 */
/* Owned locals: declared with CS_AUTO, handed over with cs_steal. */
#ifndef CS_BASE_CLEANUP_H
#define CS_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CS_AUTO(function) __attribute__((cleanup(function)))

/* The pointer's value; the pointer itself becomes NULL. */
#define cs_steal(pointerp)                                                                         \
    __extension__({                                                                                \
        __typeof__(*(pointerp)) stolen_ = *(pointerp);                                             \
        *(pointerp) = NULL;                                                                        \
        stolen_;                                                                                   \
    })

/* Defines NAMEp, the cleanup function of a type whose free function accepts NULL. */
#define CS_DEFINE_CLEANUP(type, function)                                                          \
    static inline void function##p(type *pointerp)                                                 \
    {                                                                                              \
        if (*pointerp)                                                                             \
            function(*pointerp);                                                                   \
    }                                                                                              \
    struct cs_swallow_semicolon

static inline void cs_freep(void *pointerp)
{
    free(*(void **)pointerp);
}

/* The number is another's from then on, so it is forgotten. */
static inline void cs_closep(int *fdp)
{
    if (*fdp >= 0)
        close(*fdp);
    *fdp = -1;
}

static inline int cs_steal_fd(int *fdp)
{
    int fd = *fdp;

    *fdp = -1;
    return fd;
}

#endif
