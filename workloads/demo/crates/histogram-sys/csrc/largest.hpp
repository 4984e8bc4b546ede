#pragma once

namespace demo {

/// The largest of at least one value.
template <typename Values>
auto largest(const Values &values) {
    auto best = *values.begin();
    for (const auto &value : values) {
        if (best < value) {
            best = value;
        }
    }
    return best;
}

} // namespace demo
