#include "native.h"

void demo_reverse(uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length / 2; i++) {
        uint8_t swapped = bytes[i];
        bytes[i] = bytes[length - 1 - i];
        bytes[length - 1 - i] = swapped;
    }
}
