/* Questions about processes that kache's command did not start. */

#ifndef KACHE_OBSERVER_OTHERS_H
#define KACHE_OBSERVER_OTHERS_H

#include "core.h"

/* The process that made the log. */
long kache_launcher(void);
/* A process, or by a negative number a group, is to be signalled or asked about. */
void kache_note_other(long pid, uint32_t module);

#endif
