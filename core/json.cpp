// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/json.hpp>
#include <penstock/core/value_text.hpp>

#include <algorithm>
#include <cmath>

namespace penstock::core {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";  // U+FFFD

void append_json_control(std::string& out, char c) {
    constexpr char digits[] = "0123456789abcdef";
    switch (c) {
        case '\b': out += "\\b"; return;
        case '\f': out += "\\f"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: out += {'\\', 'u', '0', '0', digits[c >> 4 & 15], digits[c & 15]};
    }
}

struct JsonAppender {
    std::string& out;

    void operator()(std::monostate) const { out += "null"; }
    void operator()(bool value) const { out += value ? "true" : "false"; }
    void operator()(std::int64_t value) const { append_number(out, value); }
    void operator()(std::uint64_t value) const { append_number(out, value); }
    void operator()(double value) const {
        if (std::isfinite(value))
            append_number(out, value);
        else
            out += "null";
    }
    void operator()(std::string_view value) const { append_json_text(out, value); }
    void operator()(const Error& value) const { append_json_text(out, value.message()); }
    void operator()(const Address* value) const { append_json_text(out, value->text()); }
    void operator()(const NodeId* value) const { append_json_text(out, value->text()); }
    void operator()(Value::Duration value) const { append_milliseconds(out, value); }
};

}  // namespace

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        // A run of plain characters at a time.
        std::size_t plain = 0;
        while (plain < text.size() && text[plain] >= 0x20 && text[plain] < 0x7F && text[plain] != '"' &&
               text[plain] != '\\')
            ++plain;
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
        const auto length = utf8_length(text);
        if (length == 0)
            out += replacement;
        else if (text[0] == '"' || text[0] == '\\')
            out += {'\\', text[0]};
        else if (text[0] >= 0 && text[0] < 0x20)
            append_json_control(out, text[0]);
        else
            out += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    out += '"';
}

JsonWriter& JsonWriter::field(std::string_view name, const Value& value) {
    this->name(name);
    std::visit(JsonAppender{out_}, value.variant());
    return *this;
}

JsonWriter& JsonWriter::fields(std::initializer_list<Field> fields) {
    for (const auto& one : fields) field(one);
    return *this;
}

JsonWriter& JsonWriter::object(std::string_view name) {
    this->name(name);
    begin(true);
    return *this;
}

JsonWriter& JsonWriter::array(std::string_view name) {
    this->name(name);
    begin(false);
    return *this;
}

JsonWriter& JsonWriter::value(const Value& value) {
    before_value();
    std::visit(JsonAppender{out_}, value.variant());
    return *this;
}

JsonWriter& JsonWriter::object() {
    before_value();
    begin(true);
    return *this;
}

JsonWriter& JsonWriter::array() {
    before_value();
    begin(false);
    return *this;
}

JsonWriter& JsonWriter::end() {
    PENSTOCK_ASSERT(depth_ != 0);
    out_ += in_object() ? '}' : ']';
    --depth_;
    written_ = true;
    return *this;
}

void JsonWriter::before_value() {
    PENSTOCK_ASSERT(!in_object() && !is_whole());
    if (written_) out_ += ',';
    written_ = true;
}

void JsonWriter::name(std::string_view name) {
    PENSTOCK_ASSERT(in_object());
    if (written_) out_ += ',';
    written_ = true;
    append_json_text(out_, name);
    out_ += ':';
}

void JsonWriter::begin(bool is_object) {
    PENSTOCK_ASSERT(depth_ < depth_max);
    out_ += is_object ? '{' : '[';
    const auto bit = std::uint64_t(1) << depth_;
    objects_ = is_object ? objects_ | bit : objects_ & ~bit;
    ++depth_;
    written_ = false;
}

std::string json_object(std::initializer_list<Field> fields) {
    std::string out;
    JsonWriter(out).object().fields(fields).end();
    return out;
}

}  // namespace penstock::core
