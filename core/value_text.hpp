// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/value.hpp>

namespace penstock::core {

// Pieces of text that log lines, JSON and settings share. All append to a string.

/// Bytes of the UTF-8 character that `text` begins with (RFC 3629: no surrogates, nothing longer than
/// needed); 0 when it is none, or when `text` is empty.
std::size_t utf8_length(std::string_view text);

/// Makes text safe to stand in one line: control characters, line separators and what reorders text (C0, C1,
/// U+2028/9, the bidirectional controls), invalid UTF-8, `"` and `\` become `\n`, `\x1b` and the like.
void append_escaped(std::string& out, std::string_view text);

/// The shortest digits that read back as the same number; "nan" and "inf" as they are.
void append_number(std::string& out, double number);
void append_number(std::string& out, std::int64_t number);
void append_number(std::string& out, std::uint64_t number);
/// In milliseconds, exact: "12" or "0.13".
void append_milliseconds(std::string& out, Value::Duration duration);

/// As a log line shows it: `127.0.0.1:80`, `12.5ms`, `plain-word`, `"two words"`.
void append_value(std::string& out, const Value& value);

}  // namespace penstock::core
