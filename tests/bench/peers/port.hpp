// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace penstock::bench {

/// The only argument of every server under test; ends the process when it is none.
inline std::uint16_t port_argument(int argc, char** argv) {
    std::uint16_t out = 0;
    if (argc == 2) {
        const std::string_view word = argv[1];
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
        if (error == std::errc() && end == word.data() + word.size() && out != 0) return out;
    }
    std::fprintf(stderr, "usage: %s PORT\n", argc > 0 ? argv[0] : "server");
    std::exit(2);
}

/// Ends the process; for servers of the bench, which have nothing to save.
[[noreturn]] inline void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

}  // namespace penstock::bench
