// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/node_id.hpp>
#include <penstock/core/result.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace penstock::core {

/// One value of a log line or of a JSON object, as an argument: 24 bytes, made without allocation. It views
/// text, addresses and node ids where they lie, so it is used up within the expression that makes it and is
/// never stored.
class Value {
public:
    /// A duration counts microseconds, saturated, and is shown in milliseconds: "0.13ms", in JSON 0.13.
    using Duration = std::chrono::microseconds;
    using Variant = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string_view,
                                 Error, const Address*, const NodeId*, Duration>;

    /// Nothing: null in JSON.
    constexpr Value() = default;
    constexpr Value(std::same_as<bool> auto value) : held_(value) {}
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    constexpr Value(T value) {
        if constexpr (std::signed_integral<T>)
            held_ = static_cast<std::int64_t>(value);
        else
            held_ = static_cast<std::uint64_t>(value);
    }
    constexpr Value(std::floating_point auto value) : held_(static_cast<double>(value)) {}
    Value(char) = delete;  // text or number? say which
    constexpr Value(std::string_view text) : held_(text) {}
    constexpr Value(const std::string& text) : held_(std::string_view(text)) {}
    constexpr Value(const char* text) {  // null: nothing
        if (text != nullptr) held_ = std::string_view(text);
    }
    constexpr Value(const Error& error) : held_(error) {}
    constexpr Value(const Address& address) : held_(&address) {}
    constexpr Value(const NodeId& id) : held_(&id) {}
    template <class Count, class Period>
    constexpr Value(std::chrono::duration<Count, Period> duration) : held_(micros(duration)) {}

    /// For std::visit; the pointers are never null.
    constexpr const Variant& variant() const { return held_; }

    static constexpr bool sendable = false;

private:
    template <class Count, class Period>
    static constexpr Duration micros(std::chrono::duration<Count, Period> duration) {
        const double count = std::chrono::duration<double, std::micro>(duration).count();
        constexpr double most = 9.2e18;
        if (count != count) return Duration(0);
        if (count >= most) return Duration::max();
        if (count <= -most) return Duration::min();
        return Duration(static_cast<std::int64_t>(count));
    }

    Variant held_;
};

}  // namespace penstock::core
