#ifndef DEMO_NATIVE_H
#define DEMO_NATIVE_H

#include <stddef.h>
#include <stdint.h>

uint32_t demo_adler32(const uint8_t *bytes, size_t length);
void demo_reverse(uint8_t *bytes, size_t length);

#endif
