/* What the hooks for facts about the host share: how an answer is recorded.
 *
 * An answer is spelled out as text, item by item, and only its hash is recorded: `platform/unix/fact.rs` asks the
 * same question later, spells the answer in the same way, and compares. */

#ifndef KACHE_OBSERVER_FACTS_H
#define KACHE_OBSERVER_FACTS_H

#include "core.h"

/* The hash of an answer (64-bit FNV-1a). */
struct answer {
    uint64_t hash;
};

#define NEW_ANSWER ((struct answer){0xcbf29ce484222325u})

static inline void add_bytes(struct answer *answer, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) answer->hash = (answer->hash ^ at[i]) * 0x100000001b3u;
}

/* Texts end with a line feed, numbers with a space. */
static inline void add_text(struct answer *answer, const char *text) {
    if (text) add_bytes(answer, text, __builtin_strlen(text));
    add_bytes(answer, "\n", 1);
}

/* Room for the digits of a number, its sign and the final zero. */
struct digits {
    char text[24];
};

static inline const char *print_number(struct digits *digits, int64_t number) {
    uint64_t value = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    char *at = digits->text + sizeof digits->text - 1;
    *at = 0;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    if (number < 0) *--at = '-';
    return at;
}

static inline void add_number(struct answer *answer, int64_t number) {
    struct digits digits;
    const char *text = print_number(&digits, number);
    add_bytes(answer, text, __builtin_strlen(text));
    add_bytes(answer, " ", 1);
}

static inline void add_error(struct answer *answer, int err) {
    add_bytes(answer, "error ", 6);
    add_number(answer, err);
}

/* The name of a fact, and an argument that is no path. */
static inline struct text fact(const char *name, const char *argument) {
    struct text text = text_of(name);
    if (argument) {
        text.tail = argument;
        text.tail_len = __builtin_strlen(argument);
    }
    return text;
}

void kache_note_fact(unsigned flags, uint32_t module, struct text name, struct text about, struct answer answer);
struct answer kache_of_number(int64_t number);
/* A fact that is asked for by a number. */
void kache_note_numbered(unsigned flags, const char *name, int64_t number, struct answer answer, uint32_t module);
void kache_note_number(const char *name, int64_t number, uint32_t module);
void kache_note_volatile(const char *function, uint32_t module, unsigned bit);

/* Whether a system call asks for a fact or sets one; if so, it is recorded. */
bool kache_note_fact_call(long number, const long *a, long result, int err, uint32_t module);
bool kache_note_file_fact_call(long number, const long *a, long result, int err, uint32_t module);

#endif
