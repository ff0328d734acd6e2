// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/detail/text_scan.hpp>
#include <penstock/http/field_scanner.hpp>

#include <algorithm>
#include <cstring>

namespace penstock::http {
namespace {

constexpr Error bad(const char* text) { return {core::Domain::http, 400, text}; }
constexpr Error too_large(const char* text) { return {core::Domain::http, 431, text}; }

Error bad_name(char found, bool at_start) {
    if (detail::is_space(found)) return bad(at_start ? "folded field line" : "white space in a field name");
    if (found == '\n') return bad("LF without CR");
    if (found == '\r') return bad("field line without a colon");
    return bad("field name is no token");
}

Error bad_value(char found) {
    if (found == '\n') return bad("LF without CR");
    if (found == '\r') return bad("CR without LF");
    return bad("control character in a field");
}

/// Eight bytes of a token in lower case, for comparison with letters and dashes: no other tchar becomes one.
std::uint64_t lower_word(const char* token) {
    std::uint64_t out;
    std::memcpy(&out, token, sizeof out);
    return out | 0x2020202020202020;
}
std::uint32_t lower_half(const char* token) {
    std::uint32_t out;
    std::memcpy(&out, token, sizeof out);
    return out | 0x20202020;
}

/// `name` in lower case, of letters and dashes, has just as many bytes as the token. Words overlap at the
/// end.
template <std::size_t N>
FieldId known(const char* token, const char (&name)[N], FieldId id) {
    constexpr std::size_t bytes = N - 1;
    if constexpr (bytes < 8) {
        const bool same = lower_half(token) == lower_half(name) &&
                          lower_half(token + bytes - 4) == lower_half(name + bytes - 4);
        return same ? id : FieldId::unknown;
    } else {
        bool same = lower_word(token) == lower_word(name);
        if constexpr (bytes > 16) same = same && lower_word(token + 8) == lower_word(name + 8);
        same = same && lower_word(token + bytes - 8) == lower_word(name + bytes - 8);
        return same ? id : FieldId::unknown;
    }
}

inline FieldId recognize(const char* token, std::size_t bytes) {
    switch (bytes) {
        case 4: return known(token, "host", FieldId::host);
        case 6: return known(token, "expect", FieldId::expect);
        case 7: return known(token, "upgrade", FieldId::upgrade);
        case 10: return known(token, "connection", FieldId::connection);
        case 14: return known(token, "content-length", FieldId::content_length);
        case 17: return known(token, "transfer-encoding", FieldId::transfer_encoding);
        default: return FieldId::unknown;
    }
}

}  // namespace

inline void FieldScanner::add(const char* base, const char* value_end, Fields& out) const {
    const char* const name = base + line_;
    const char* value = name + name_bytes_ + 1;
    while (value != value_end && detail::is_space(*value)) ++value;
    while (value_end != value && detail::is_space(value_end[-1])) --value_end;
    out.entries_.push_back({line_, static_cast<std::uint32_t>(value - base),
                            static_cast<std::uint32_t>(value_end - value),
                            static_cast<std::uint16_t>(name_bytes_), recognize(name, name_bytes_)});
}

Result<std::size_t> FieldScanner::scan(std::string_view seen, Section limits, Fields& out) {
    // Bytes behind the limit are not looked at, so that an answer does not depend on how bytes arrived.
    const std::size_t edge = std::size_t(begin_) + limits.bytes_max;
    const char* const base = seen.data();
    const char* const end = base + std::min(seen.size(), edge);
    const char* at = base + scanned_;
    for (;;) {
        if (name_bytes_ == 0) {
            at = detail::skip_name(at, end);
            const auto bytes = static_cast<std::size_t>(at - base) - line_;
            if (bytes > name_bytes_max) return fail(too_large("field name too long"));
            if (at == end) break;
            if (*at == '\r' && bytes == 0) {
                if (end - at < 2) break;
                if (at[1] != '\n') return fail(bad_value('\r'));
                return static_cast<std::size_t>(at + 2 - base);
            }
            if (*at != ':') return fail(bad_name(*at, bytes == 0));
            if (bytes == 0) return fail(bad("empty field name"));
            if (out.size() >= limits.fields_max) return fail(too_large("too many fields"));
            name_bytes_ = static_cast<std::uint32_t>(bytes);
            ++at;
        }
        at = detail::skip_text(at, end);
        if (at == end || (*at == '\r' && end - at < 2)) break;
        if (*at != '\r' || at[1] != '\n') return fail(bad_value(*at));
        add(base, at, out);
        at += 2;
        line_ = static_cast<std::uint32_t>(at - base);
        name_bytes_ = 0;
    }
    scanned_ = static_cast<std::uint32_t>(at - base);
    if (seen.size() >= edge) return fail(too_large("fields too large"));
    return std::size_t(0);
}

}  // namespace penstock::http
