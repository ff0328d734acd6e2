// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace penstock::stream {

struct InnerField {
    std::string_view name;  ///< a token in lower case
    std::string_view value;
};

/// The fields inside an encrypted request or response, `u16 count {v16 name, v16 value}` (docs/protocol.md,
/// 1.7), as a view: they were checked when they were parsed, and are walked over in place.
///
/// Refused are names that are no lower-case tokens, values with CR, LF or NUL, and fields that are about the
/// connection or the framing (connection, content-length, host, x-forwarded-*, ...): those are the outer
/// message's or nobody's.
class InnerFields {
public:
    InnerFields() = default;
    /// Takes them from the front of `reader`. Error: protocol. Limit: 64.
    static Result<InnerFields> parse(crypto::Reader& reader);

    std::size_t size() const { return count_; }
    /// The first value of this name, which is given in lower case.
    std::optional<std::string_view> find(std::string_view name) const;

    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = InnerField;
        using difference_type = std::ptrdiff_t;
        using pointer = const InnerField*;
        using reference = const InnerField&;

        Iterator() : Iterator({}, 0) {}
        Iterator(Bytes bytes, std::size_t left) : reader_(bytes), left_(left) { read(); }
        const InnerField& operator*() const { return field_; }
        Iterator& operator++() {
            --left_;
            read();
            return *this;
        }
        Iterator operator++(int) {
            auto out = *this;
            ++*this;
            return out;
        }
        friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

    private:
        void read() {
            if (left_ == 0) return;
            field_.name = reader_.v16().text();
            field_.value = reader_.v16().text();
        }
        crypto::Reader reader_;
        std::size_t left_;
        InnerField field_{};
    };
    Iterator begin() const { return {bytes_, count_}; }
    Iterator end() const { return {{}, 0}; }

    static constexpr bool sendable = false;

private:
    Bytes bytes_;
    std::uint16_t count_ = 0;
};

/// Whether a field may stand inside.
bool is_inner_field(InnerField field);
/// Appends count and fields. Error: protocol, one that may not stand inside, or too many.
Result<void> append_inner_fields(std::string& out, std::span<const InnerField> fields);

}  // namespace penstock::stream
