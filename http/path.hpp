// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::http {

// Paths and queries (RFC 3986). Each call answers a view: of its input when there was nothing to change, else
// of `room`, a string of the caller's that is overwritten, and that does not allocate once it is large
// enough. Errors are of Domain::http: 400.

enum class Plus : std::uint8_t {
    literal,  ///< in paths
    space,    ///< in queries, as forms write them
};

/// Replaces %XX. Refused: a bad escape, NUL. `room` must not hold `text`.
Result<std::string_view> percent_decode(std::string_view text, std::string& room, Plus plus = Plus::literal);

/// Makes equal paths equal text: escapes are decoded, "." and ".." are resolved after that. %2F and %25 alone
/// stay escaped (as those), so a slash in a name stays apart from a separator: split first, then
/// percent_decode each segment. Empty segments are kept. Refused: a path that doesn't begin with '/', a ".."
/// above the root, a bad escape, NUL.
Result<std::string_view> normalize_path(std::string_view path, std::string& room);

/// As they were sent: see percent_decode with Plus::space.
struct QueryParameter {
    std::string_view name;
    std::string_view value;  ///< empty, too, where there is no '='
};

/// Walks over `a=1&b=2`, in order; empty pieces are passed over.
class Query {
public:
    explicit constexpr Query(std::string_view text) : rest_(text) {}
    /// Nothing at the end.
    std::optional<QueryParameter> next();

private:
    std::string_view rest_;
};

/// The first parameter whose decoded name is `name`: its value as it was sent.
std::optional<std::string_view> query_value(std::string_view query, std::string_view name);

}  // namespace penstock::http
