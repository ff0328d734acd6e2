// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/field.hpp>

#include <initializer_list>
#include <span>

namespace penstock::core {

/// Appends JSON (RFC 8259) to a string, piece by piece; it only writes.
///
///     JsonWriter json(out);
///     json.object().field("id", 7).array("letters").value("C").value("F").end().end();
///
/// Text is UTF-8: what is none becomes U+FFFD. Doubles read back as the same number, NaN and infinities are
/// null; integers are written whole, also above 2^53; a duration is a number of milliseconds, an Error its
/// message, an address or a node id its text.
///
/// Requires, by assertion: a name for each value in an object and none elsewhere, as many `end` as there were
/// beginnings, one value in all. Depth: up to `depth_max`.
class JsonWriter {
public:
    static constexpr unsigned depth_max = 64;

    /// Appends to `out`, which outlives this object.
    explicit JsonWriter(std::string& out) : out_(out) {}
    JsonWriter(const JsonWriter&) = delete;
    JsonWriter& operator=(const JsonWriter&) = delete;

    // In an object:
    JsonWriter& field(std::string_view name, const Value& value);
    JsonWriter& field(const Field& field) { return this->field(field.name, field.value); }
    JsonWriter& fields(std::initializer_list<Field> fields);
    JsonWriter& object(std::string_view name);
    JsonWriter& array(std::string_view name);

    // In an array, or as the one value outside:
    JsonWriter& value(const Value& value);
    JsonWriter& object();
    JsonWriter& array();

    /// Of the innermost object or array.
    JsonWriter& end();

    /// Whether the one value is complete.
    bool is_whole() const { return depth_ == 0 && written_; }

private:
    void before_value();
    void name(std::string_view name);
    void begin(bool is_object);
    bool in_object() const { return depth_ != 0 && (objects_ >> (depth_ - 1) & 1) != 0; }

    std::string& out_;
    unsigned depth_ = 0;
    std::uint64_t objects_ = 0;  // one bit for each depth: an object, or an array
    bool written_ = false;       // something stands before in this object or array
};

/// `{"id":7,"name":"x"}`.
std::string json_object(std::initializer_list<Field> fields);

/// As a string of JSON, with its quotes.
void append_json_text(std::string& out, std::string_view text);

}  // namespace penstock::core
