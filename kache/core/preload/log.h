/* What writes to the log directly. */

#ifndef KACHE_OBSERVER_LOG_H
#define KACHE_OBSERVER_LOG_H

#include "core.h"

bool kache_open_log(void);
char *kache_append(enum kind kind, unsigned flags, int err, uint32_t pid, uint32_t module, int64_t aux, struct text a,
                   struct text b);
void kache_note_plugins(void);
void kache_hold_room(struct held *held);
void kache_fill_held(struct held *held, enum kind kind, unsigned flags, int err, uint32_t pid, uint32_t module,
                     int64_t aux, const char *path);

#endif
