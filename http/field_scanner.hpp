// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/http/fields.hpp>

namespace penstock::http {

/// The syntax of a field section (RFC 9112, 5): lines `name: value` up to the empty line. What the fields
/// mean is not looked at. Used for the heads of requests and responses and for trailers.
///
/// It goes over each byte once, however the bytes arrive. Refused: names that are no token (white space
/// before the colon and folded lines among them), bare CR or LF, control characters other than HTAB.
class FieldScanner {
public:
    static constexpr std::size_t name_bytes_max = 0xFFFF;  ///< 431

    struct Section {
        std::uint32_t bytes_max;
        std::uint32_t fields_max;
    };

    /// The section begins at this offset of the view.
    void start(std::size_t at) {
        begin_ = line_ = scanned_ = static_cast<std::uint32_t>(at);
        name_bytes_ = 0;
    }

    /// `seen` is all that has arrived; it may have moved since the last call, and grown. Answers the offset
    /// behind the section, 0 when more is needed, or an error of Domain::http: 400 or 431. Adds to `out`,
    /// whose base is the caller's to set.
    Result<std::size_t> scan(std::string_view seen, Section limits, Fields& out);

private:
    void add(const char* base, const char* value_end, Fields& out) const;

    std::uint32_t begin_ = 0;
    std::uint32_t line_ = 0;        // where the current line begins
    std::uint32_t scanned_ = 0;     // what is before is known to be right
    std::uint32_t name_bytes_ = 0;  // 0: still in the name
};

}  // namespace penstock::http
