// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::config {

/// In a file, from 1. Columns count characters.
struct Place {
    std::uint32_t line = 0, column = 0;
};

/// What is wrong with a settings file, and where. For people, so it owns its text; no control character of
/// the file is in it.
struct Problem {
    std::string file;
    std::uint32_t line = 0, column = 0;  ///< from 1; 0: it is about the whole file. Columns count characters
    std::string text;

    /// `node.toml:12:9: chat.pause = "20s" is above 10s`
    std::string message() const;
};

/// In the order of the file.
using Problems = std::vector<Problem>;

/// All messages, a line each.
std::string message(const Problems& problems);

}  // namespace penstock::config
