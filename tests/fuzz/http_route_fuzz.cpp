// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/route_tree.hpp>

#include "http_check.hpp"

using namespace penstock;

namespace {

/// Whether one pattern, known to be good, matches: segment by segment, without a tree.
bool fits(std::string_view pattern, std::string_view path) {
    for (;;) {
        if (pattern.empty() || path.empty()) return pattern.empty() && path.empty();
        pattern.remove_prefix(1);
        path.remove_prefix(1);
        const auto wanted = pattern.substr(0, pattern.find('/')), given = path.substr(0, path.find('/'));
        if (wanted.ends_with("...}")) return true;
        if (wanted.starts_with('{') ? given.empty() : wanted != given) return false;
        pattern.remove_prefix(wanted.size());
        path.remove_prefix(given.size());
    }
}

}  // namespace

// Lines: patterns, the last one a path. The tree finds something just when one of the patterns fits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = fuzz::text(data, size);
    http::RouteTree routes;
    std::vector<std::string_view> patterns;
    for (auto end = input.find('\n'); end != input.npos; end = input.find('\n')) {
        const auto id = static_cast<http::RouteTree::Id>(patterns.size());
        if (routes.add(http::Method::get, input.substr(0, end), id)) patterns.push_back(input.substr(0, end));
        input.remove_prefix(end + 1);
    }
    const auto match = routes.match(http::Method::head, input);
    bool expected = false;
    for (const auto pattern : patterns) expected |= input.starts_with('/') && fits(pattern, input);
    FUZZ_CHECK((match.outcome() == http::RouteTree::Outcome::found) == expected);
    FUZZ_CHECK(match.outcome() != http::RouteTree::Outcome::no_method);
    if (!expected) return 0;
    FUZZ_CHECK(fits(patterns[match.id()], input));
    for (std::size_t at = 0; at < match.parameter_count(); ++at) {
        const auto value = match.parameter(at);
        FUZZ_CHECK(value.data() >= input.data() &&
                   value.data() + value.size() <= input.data() + input.size());
        FUZZ_CHECK(match.parameter(match.parameter_name(at)) == value);
    }
    return 0;
}
