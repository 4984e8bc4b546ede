#include "histogram.hpp"

extern "C" std::uint32_t demo_fullest(const std::uint8_t *bytes, std::size_t length) {
    demo::Histogram histogram;
    for (std::size_t i = 0; i < length; i++) {
        histogram.add(bytes[i]);
    }
    return histogram.fullest();
}

extern "C" const char *demo_origin() {
    return demo::origin();
}
