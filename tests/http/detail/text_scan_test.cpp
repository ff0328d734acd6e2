// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/text_scan.hpp>

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

using penstock::http::detail::skip_run;
using penstock::http::detail::skip_text;
using penstock::http::detail::skip_text_by_words;

namespace {

bool ends_text(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7F; }

/// Where both scans stop in `text` from `begin` on.
std::size_t stop(const std::string& text, std::size_t begin) {
    const char* const end = text.data() + text.size();
    const char* const out = skip_text(text.data() + begin, end);
    if (skip_text_by_words(text.data() + begin, end) != out) FAIL_CHECK("by words: differs");
    return static_cast<std::size_t>(out - text.data());
}

bool in_run(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '-' && c <= '9');
}

}  // namespace

TEST_CASE("a text ends at the first control character but HTAB, wherever it stands among any neighbours") {
    for (const char fill : {'a', ' ', '\t', '\x80', '\xff', '\x7e'}) {
        for (std::size_t size = 1; size < 40; ++size)
            for (std::size_t at = 0; at < size; ++at)
                for (unsigned c = 0; c < 256; ++c) {
                    std::string text(size, fill);
                    text[at] = static_cast<char>(c);
                    const auto expected = ends_text(static_cast<unsigned char>(c)) ? at : size;
                    if (stop(text, 0) != expected) FAIL_CHECK(c, " at ", at, " of ", size);
                }
    }
}

TEST_CASE("the first of several control characters counts") {
    const std::string text = "aaaaaaaaaaa\x7f\x80\r\x01\tbbbb\r\n";
    CHECK(stop(text, 0) == 11);
    CHECK(stop(text, 12) == 13);
    CHECK(stop(text, 14) == 14);
    CHECK(stop(text, 15) == 20);
    CHECK(stop(text, text.size()) == text.size());
}

TEST_CASE("a run passes over its bytes only") {
    for (std::size_t size = 1; size < 40; ++size)
        for (std::size_t at = 0; at < size; ++at)
            for (unsigned c = 0; c < 256; ++c) {
                std::string text(size, 'b');
                text[at] = static_cast<char>(c);
                const char* const end = text.data() + text.size();
                const auto run = skip_run<'-', '9'>(text.data(), end) - text.data();
                const auto most = in_run(static_cast<unsigned char>(c)) ? size : at;
                if (static_cast<std::size_t>(run) > most) FAIL_CHECK(c, " at ", at, " of ", size);
#ifdef __SSE2__
                if (static_cast<std::size_t>(run) != std::min(most, size / 16 * 16)) FAIL_CHECK(c, ": early");
#endif
            }
}
