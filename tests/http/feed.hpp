// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/request_parser.hpp>
#include <penstock/http/response_parser.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace penstock::http_test {

/// What a parser made of some bytes.
struct Outcome {
    int status = 0;  // of the error; 0: complete; -1: needs more
    std::size_t end = 0;
    std::string text;  // all that the head says

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

/// Only what has arrived, in a block of just its size, at a new place each time: reading past the end, or
/// where the bytes lay before, is an error that the address sanitizer sees.
class Arrived {
public:
    explicit Arrived(std::string_view bytes) : block_(new char[bytes.size()]), size_(bytes.size()) {
        bytes.copy(block_.get(), size_);
    }
    std::string_view view() const { return {block_.get(), size_}; }

private:
    std::unique_ptr<char[]> block_;
    std::size_t size_;
};

std::string describe(const http::RequestHead& head);
std::string describe(const http::ReplyHead& head);
std::string describe(const http::Fields& fields);

/// Feeds `text` up to each of the sizes that `grow` answers: from one size to the next, until `text.size()`.
template <class Grow>
Outcome request(std::string_view text, Grow grow, const http::Limits& limits = {}) {
    http::RequestParser parser(limits);
    http::RequestHead head;
    for (std::size_t size = grow(0);; size = grow(size)) {
        const Arrived arrived(text.substr(0, size));
        const auto end = parser.parse(arrived.view(), head);
        if (!end) return {end.error().code(), 0, end.error().message()};
        if (*end != 0) return {0, *end, describe(head)};
        if (size >= text.size()) return {-1, 0, {}};
    }
}

template <class Grow>
Outcome reply(std::string_view text, Grow grow, http::Method method = http::Method::get,
              const http::Limits& limits = {}) {
    http::ResponseParser parser(limits);
    http::ReplyHead head;
    for (std::size_t size = grow(0);; size = grow(size)) {
        const Arrived arrived(text.substr(0, size));
        const auto end = parser.parse(arrived.view(), method, head);
        if (!end) return {end.error().code(), 0, end.error().message()};
        if (*end != 0) return {0, *end, describe(head)};
        if (size >= text.size()) return {-1, 0, {}};
    }
}

inline auto whole() {
    return [](std::size_t) { return std::string_view::npos; };
}
inline auto bytewise() {
    return [](std::size_t size) { return size + 1; };
}
/// First `cut` bytes, then all.
inline auto split(std::size_t cut) {
    return [cut](std::size_t size) { return size < cut ? cut : std::string_view::npos; };
}

}  // namespace penstock::http_test
