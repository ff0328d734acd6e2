// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock::http {

/// Status and fields of the response that an Exchange is about to begin. Fields that frame the message
/// (content-length, transfer-encoding, connection, date and their like) are the framework's: setting them
/// does nothing. What would break the framing is not taken: a bad name is left out, control characters in a
/// value become spaces.
class ResponseHead {
public:
    int status() const { return status_; }
    void status(int status) { status_ = status; }
    /// Replaces.
    void set(std::string_view name, std::string_view value);
    /// Beside one of the same name (set-cookie).
    void add(std::string_view name, std::string_view value);
    bool has(std::string_view name) const;
    /// Whole lines of a literal, not checked: "name: value\r\n".
    void add_lines(std::string_view lines) { fields_.append(lines); }
    /// "name: value\r\n" one after the other.
    std::string_view fields() const { return fields_; }
    void clear() {
        status_ = 200;
        fields_.clear();
    }

private:
    std::size_t find(std::string_view name) const;
    int status_ = 200;
    std::string fields_;
};

}  // namespace penstock::http
