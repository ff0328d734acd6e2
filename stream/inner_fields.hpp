// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/entry_iterator.hpp>
#include <penstock/stream/limits.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace penstock::stream {

struct InnerField {
    std::string_view name;  ///< a token in lower case
    std::string_view value;

    static bool read(crypto::Reader& reader, InnerField& field) {
        field.name = reader.v16().text();
        field.value = reader.v16().text();
        return reader.ok();
    }
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

    using Iterator = EntryIterator<InnerField>;
    Iterator begin() const { return {bytes_, count_}; }
    Iterator end() const { return {{}, 0}; }

    static constexpr bool sendable = false;

private:
    Bytes bytes_;
    std::uint16_t count_ = 0;
};

/// Whether a field may stand inside.
bool is_inner_field(InnerField field);
/// Appends what both heads end with: count and fields, then the length of the body (none: until the final
/// record). The head began at `begin`, where `out` ends again after an error. Error: protocol, a field that
/// may not stand inside, too many, or a head that is longer than one record.
Result<void> append_inner_rest(std::string& out, std::size_t begin, std::span<const InnerField> fields,
                               std::optional<std::uint64_t> body_bytes);

}  // namespace penstock::stream
