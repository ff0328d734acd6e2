// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/path.hpp>

#include "http_check.hpp"

using namespace penstock;

namespace {

void check_segments(std::string_view path) {
    for (std::size_t at = 0; at < path.size();) {
        const auto end = std::min(path.find('/', at + 1), path.size());
        const auto segment = path.substr(at + 1, end - at - 1);
        FUZZ_CHECK(segment != "." && segment != "..");
        std::string room;
        const auto decoded = http::percent_decode(segment, room);
        FUZZ_CHECK(decoded && decoded->size() <= segment.size());
        at = end;
    }
}

}  // namespace

// A normal path stays as it is, has no dot segments, and what is left escaped can be decoded.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = fuzz::text(data, size);
    std::string room, again, decoded;
    if (const auto path = http::normalize_path(input, room)) {
        FUZZ_CHECK(path->starts_with('/') && path->size() <= input.size() && path->find('\0') == path->npos);
        check_segments(*path);
        const auto twice = http::normalize_path(*path, again);
        FUZZ_CHECK(twice && *twice == *path);
    }
    http::Query query(input);
    while (const auto one = query.next()) {
        const auto name = http::percent_decode(one->name, decoded, http::Plus::space);
        if (name) FUZZ_CHECK(http::query_value(input, *name));
    }
    return 0;
}
