// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::http {

/// The methods that routes are registered for (RFC 9110, 9.3; RFC 5789). `other` is any further token: its
/// text is in the head, and whether to answer 405 or 501 is the router's decision.
enum class Method : std::uint8_t { get, post, put, del, head, patch, options, connect, trace, other };

inline constexpr std::size_t method_count = 10;

/// "GET"; empty for `other`.
std::string_view name(Method method);

/// Case counts: "get" is `other`.
Method method_from(std::string_view text);

/// A set of methods: what a path serves, as the Allow field lists it.
class MethodSet {
public:
    constexpr void add(Method method) { bits_ |= bit(method); }
    constexpr void add(MethodSet others) { bits_ |= others.bits_; }
    constexpr bool has(Method method) const { return (bits_ & bit(method)) != 0; }
    constexpr bool empty() const { return bits_ == 0; }
    friend constexpr bool operator==(MethodSet, MethodSet) = default;

private:
    static constexpr std::uint16_t bit(Method method) {
        return static_cast<std::uint16_t>(1u << static_cast<unsigned>(method));
    }
    std::uint16_t bits_ = 0;
};

/// As the Allow field lists them (RFC 9110, 10.2.1): "GET, HEAD".
void append_methods(std::string& out, MethodSet methods);

}  // namespace penstock::http
