#include "histogram.hpp"

namespace demo {

void Histogram::add(std::uint8_t byte) {
    counts_[byte % counts_.size()]++;
}

} // namespace demo
