#pragma once

#include "largest.hpp"
#include "limits.hpp"

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

namespace demo {

/// Counts bytes by their low bits.
class Histogram {
public:
    void add(std::uint8_t byte);

    std::uint32_t count(std::size_t bucket) const {
        // In a header: every unit that includes it has this file's name in it.
        assert(bucket < counts_.size());
        return counts_[bucket];
    }

    std::uint32_t fullest() const { return largest(counts_); }

private:
    std::array<std::uint32_t, BUCKETS> counts_{};
};

const char *origin();

} // namespace demo
