// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::core {

/// An IPv4 or IPv6 address with a port: "127.0.0.1:80", "[::1]:80", "[fe80::1%3]:80" (a scope by its number).
/// 24 bytes, comparable, Sendable. Names are not addresses: see net::Connector.
class Address {
public:
    constexpr Address() = default;
    /// From a literal, checked at compile time.
    template <std::size_t N>
    consteval Address(const char (&text)[N]) {
        const auto parsed = parse_text(std::string_view(text, N - 1));
        if (!parsed) throw "not an address: write 127.0.0.1:80 or [::1]:80";
        *this = *parsed;
    }
    static Result<Address> parse(std::string_view text);
    static constexpr Address v4(std::array<std::uint8_t, 4> ip, std::uint16_t port);
    static constexpr Address v6(std::array<std::uint8_t, 16> ip, std::uint16_t port, std::uint32_t scope = 0);

    constexpr bool is_v4() const { return family_ == 4; }
    constexpr bool is_v6() const { return family_ == 6; }
    constexpr bool empty() const { return family_ == 0; }
    constexpr std::uint16_t port() const { return port_; }
    constexpr std::uint32_t scope() const { return scope_; }
    /// Network order; the first four for IPv4.
    constexpr const std::array<std::uint8_t, 16>& ip() const { return ip_; }
    constexpr Address with_port(std::uint16_t port) const {
        auto out = *this;
        out.port_ = port;
        return out;
    }
    /// 127.0.0.0/8, ::1, and ::ffff:127.0.0.0/104.
    bool is_loopback() const;

    std::string text() const;
    std::string ip_text() const;

    friend constexpr auto operator<=>(const Address&, const Address&) = default;
    static constexpr bool sendable = true;

private:
    static constexpr std::optional<Address> parse_text(std::string_view text);

    std::array<std::uint8_t, 16> ip_{};
    std::uint32_t scope_ = 0;
    std::uint16_t port_ = 0;
    std::uint8_t family_ = 0;
};

namespace detail {

constexpr std::optional<std::uint32_t> decimal(std::string_view text, std::uint32_t max) {
    if (text.empty() || text.size() > 10 || (text.size() > 1 && text[0] == '0')) return {};
    std::uint64_t out = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return {};
        out = out * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (out > max) return {};
    return static_cast<std::uint32_t>(out);
}

constexpr bool parse_v4(std::string_view text, std::uint8_t* out) {
    for (int i = 0; i < 4; ++i) {
        const auto dot = i < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return false;
        const auto byte = decimal(text.substr(0, dot), 255);
        if (!byte) return false;
        out[i] = static_cast<std::uint8_t>(*byte);
        text.remove_prefix(dot + (i < 3 ? 1 : 0));
    }
    return text.empty();
}

constexpr int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

constexpr bool parse_v6(std::string_view text, std::array<std::uint8_t, 16>& out) {  // RFC 4291, 2.2
    std::array<std::uint8_t, 16> before{}, after{};
    std::size_t counts[2] = {0, 0};
    int side = 0;
    if (text.starts_with("::")) {
        side = 1;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        auto& bytes = side == 0 ? before : after;
        auto& count = counts[side];
        std::size_t end = 0;
        std::uint32_t group = 0;
        while (end < text.size() && end < 5 && hex(text[end]) >= 0)
            group = group << 4 | std::uint32_t(hex(text[end++]));
        if (end < text.size() && text[end] == '.') {
            if (counts[0] + counts[1] > 12 || !parse_v4(text, bytes.data() + count)) return false;
            count += 4;
            break;
        }
        if (end == 0 || end > 4 || counts[0] + counts[1] > 14) return false;
        bytes[count++] = static_cast<std::uint8_t>(group >> 8);
        bytes[count++] = static_cast<std::uint8_t>(group);
        text.remove_prefix(end);
        if (text.empty()) break;
        if (text[0] != ':' || text.size() == 1) return false;
        text.remove_prefix(1);
        if (text[0] == ':') {
            if (side == 1) return false;
            side = 1;
            text.remove_prefix(1);
        }
    }
    const auto total = counts[0] + counts[1];
    if (side == 0 ? total != 16 : total > 14) return false;
    out = {};
    for (std::size_t i = 0; i < counts[0]; ++i) out[i] = before[i];
    for (std::size_t i = 0; i < counts[1]; ++i) out[16 - counts[1] + i] = after[i];
    return true;
}

}  // namespace detail

constexpr Address Address::v4(std::array<std::uint8_t, 4> ip, std::uint16_t port) {
    Address out;
    for (std::size_t i = 0; i < 4; ++i) out.ip_[i] = ip[i];
    out.port_ = port;
    out.family_ = 4;
    return out;
}

constexpr Address Address::v6(std::array<std::uint8_t, 16> ip, std::uint16_t port, std::uint32_t scope) {
    Address out;
    out.ip_ = ip;
    out.port_ = port;
    out.scope_ = scope;
    out.family_ = 6;
    return out;
}

constexpr std::optional<Address> Address::parse_text(std::string_view text) {
    Address out;
    std::string_view host, port;
    if (text.starts_with('[')) {
        const auto end = text.find("]:");
        if (end == std::string_view::npos) return {};
        host = text.substr(1, end - 1);
        port = text.substr(end + 2);
        if (const auto percent = host.find('%'); percent != std::string_view::npos) {
            const auto scope = detail::decimal(host.substr(percent + 1), 0xFFFFFFFF);
            if (!scope) return {};
            out.scope_ = *scope;
            host = host.substr(0, percent);
        }
        if (!detail::parse_v6(host, out.ip_)) return {};
        out.family_ = 6;
    } else {
        const auto colon = text.find(':');
        if (colon == std::string_view::npos) return {};
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        if (!detail::parse_v4(host, out.ip_.data())) return {};
        out.family_ = 4;
    }
    const auto number = detail::decimal(port, 65'535);
    if (!number) return {};
    out.port_ = static_cast<std::uint16_t>(*number);
    return out;
}

}  // namespace penstock::core

namespace penstock {
using core::Address;
}
