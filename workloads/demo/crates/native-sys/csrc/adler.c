#include "native.h"

#define MODULUS 65521u

uint32_t demo_adler32(const uint8_t *bytes, size_t length) {
    uint32_t low = 1, high = 0;
    for (size_t i = 0; i < length; i++) {
        low = (low + bytes[i]) % MODULUS;
        high = (high + low) % MODULUS;
    }
    return (high << 16) | low;
}
