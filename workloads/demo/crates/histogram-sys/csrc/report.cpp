#include "histogram.hpp"

namespace demo {

const char *origin() {
    return __FILE__;
}

} // namespace demo
