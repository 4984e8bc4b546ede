/* A value, not code: this assembles on every processor. */
#include "seed.h"

#define JOIN(a, b) a##b
#define NAMED(prefix, name) JOIN(prefix, name)
#define SYMBOL(name) NAMED(__USER_LABEL_PREFIX__, name)

    .data
    .globl SYMBOL(demo_seed)
    .balign 4
SYMBOL(demo_seed):
    .long DEMO_SEED
#ifdef __ELF__
    .section .note.GNU-stack, "", %progbits
#endif
