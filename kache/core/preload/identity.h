/* Which process and thread this is. */

#ifndef KACHE_IDENTITY_H
#define KACHE_IDENTITY_H

#include "core.h"

/* Set before a child is made that shares this process's memory, and never cleared. */
extern bool kache_shares_memory __attribute__((visibility("hidden")));

/* Called once, when observation begins. */
void kache_keep_identity(void);
uint32_t kache_process(void);
uint32_t kache_thread(void);

#endif
