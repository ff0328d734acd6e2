// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/value_text.hpp>

#include <algorithm>
#include <charconv>

namespace penstock::core {
namespace {

std::uint32_t code_point(std::string_view character) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(character[at]); };
    switch (character.size()) {
        case 1: return byte(0);
        case 2: return (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
        case 3: return (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
        default:
            return (byte(0) & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 |
                   (byte(3) & 0x3Fu);
    }
}

bool is_harmless(std::uint32_t point) {
    if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return false;
    if (point == 0x200E || point == 0x200F || point == 0x061C) return false;
    return !(point >= 0x2028 && point <= 0x202E) && !(point >= 0x2066 && point <= 0x2069);
}

void append_byte_escape(std::string& out, std::uint8_t byte) {
    constexpr char digits[] = "0123456789abcdef";
    switch (byte) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        default: out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
}

bool is_word(std::string_view text) {
    constexpr std::string_view marks = "-_.:/@%+,;*?&#~!()[]{}<>$^|";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    });
}

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    append_escaped(out, text);
    out += '"';
}

template <class Number>
void append_chars(std::string& out, Number number) {
    char room[32];
    const auto end = std::to_chars(room, room + sizeof room, number).ptr;
    out.append(room, end);
}

struct Appender {
    std::string& out;

    void operator()(std::monostate) const { out += "null"; }
    void operator()(bool value) const { out += value ? "true" : "false"; }
    void operator()(std::int64_t value) const { append_number(out, value); }
    void operator()(std::uint64_t value) const { append_number(out, value); }
    void operator()(double value) const { append_number(out, value); }
    void operator()(std::string_view value) const {
        if (is_word(value))
            out += value;
        else
            append_quoted(out, value);
    }
    void operator()(const Error& value) const { append_quoted(out, value.message()); }
    void operator()(const Address* value) const { out += value->text(); }
    void operator()(const NodeId* value) const { out += value->text(); }
    void operator()(Value::Duration value) const {
        append_milliseconds(out, value);
        out += "ms";
    }
};

}  // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty()) return 0;
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    // The second byte's range says it all: no overlong forms, no surrogates, nothing above U+10FFFF.
    std::uint8_t least = 0x80, most = 0xBF;
    std::size_t length = 0;
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) least = 0xA0;
        if (first == 0xED) most = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) least = 0x90;
        if (first == 0xF4) most = 0x8F;
    }
    if (length == 0 || text.size() < length || byte(1) < least || byte(1) > most) return 0;
    for (std::size_t at = 2; at < length; ++at)
        if ((byte(at) & 0xC0) != 0x80) return 0;
    return length;
}

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto character = text.substr(0, std::max<std::size_t>(length, 1));
        if (length != 0 && character != "\"" && character != "\\" && is_harmless(code_point(character)))
            out += character;
        else
            for (const char c : character) append_byte_escape(out, static_cast<std::uint8_t>(c));
        text.remove_prefix(character.size());
    }
}

void append_number(std::string& out, double number) { append_chars(out, number); }
void append_number(std::string& out, std::int64_t number) { append_chars(out, number); }
void append_number(std::string& out, std::uint64_t number) { append_chars(out, number); }

void append_milliseconds(std::string& out, Value::Duration duration) {
    const auto count = duration.count();
    if (count < 0) out += '-';
    const auto micros = count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
    append_chars(out, micros / 1000);
    auto rest = static_cast<unsigned>(micros % 1000);
    if (rest == 0) return;
    out += '.';
    for (unsigned unit = 100; rest != 0; rest %= unit, unit /= 10)
        out += static_cast<char>('0' + rest / unit);
}

void append_value(std::string& out, const Value& value) { std::visit(Appender{out}, value.variant()); }

}  // namespace penstock::core
