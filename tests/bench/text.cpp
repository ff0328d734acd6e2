// SPDX-License-Identifier: Apache-2.0
#include <cstdarg>
#include <cstdio>

#include <bench/text.hpp>

namespace penstock::bench {

std::string text(const char* format, ...) {
    char room[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(room, sizeof room, format, arguments);
    va_end(arguments);
    return room;
}

}  // namespace penstock::bench
