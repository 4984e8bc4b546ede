/* Records of the files that libc opens by itself. */

#ifndef KACHE_OBSERVER_LIBC_FILES_H
#define KACHE_OBSERVER_LIBC_FILES_H

#include "core.h"

/* The file of a time zone: the values of `TZ` and `TZDIR`. */
void kache_note_zone_file(const char *zone, const char *directory, uint32_t module);
/* The files of a locale: its name, and the value of `LOCPATH`. */
void kache_note_locale_files(const char *locale, const char *directory, uint32_t module);
/* The tables of character converters: the value of `GCONV_PATH`. */
void kache_note_converters(const char *directory, uint32_t module);
/* What `wordexp` looks up besides commands: names of files by patterns, homes and variables. */
void kache_note_patterns(const char *words, uint32_t module);

#endif
