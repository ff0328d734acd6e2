// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/detail/text_scan.hpp>
#include <penstock/http/field_scanner.hpp>

#include <algorithm>

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

/// `name` is lower case letters and dashes, so a bit makes tokens comparable: no other tchar becomes one.
bool is_name(const char* token, std::string_view name) {
    unsigned differs = 0;
    for (std::size_t at = 0; at < name.size(); ++at)
        differs |= static_cast<unsigned char>(token[at] | 0x20) ^ static_cast<unsigned char>(name[at]);
    return differs == 0;
}

FieldId recognize(const char* token, std::size_t bytes) {
    switch (bytes) {
        case 4: return is_name(token, "host") ? FieldId::host : FieldId::unknown;
        case 6: return is_name(token, "expect") ? FieldId::expect : FieldId::unknown;
        case 7: return is_name(token, "upgrade") ? FieldId::upgrade : FieldId::unknown;
        case 10: return is_name(token, "connection") ? FieldId::connection : FieldId::unknown;
        case 14: return is_name(token, "content-length") ? FieldId::content_length : FieldId::unknown;
        case 17: return is_name(token, "transfer-encoding") ? FieldId::transfer_encoding : FieldId::unknown;
        default: return FieldId::unknown;
    }
}

}  // namespace

void FieldScanner::add(const char* base, const char* value_end, Fields& out) const {
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
            at = detail::skip(at, end, detail::token_char);
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
