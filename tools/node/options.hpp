// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::node {

/// What wins over the settings file: the command line's, or those of a program with a command line of its
/// own. Nothing: the settings' own value.
struct Options {
    std::optional<std::string> config{};  ///< path of the settings file
    std::optional<std::string> listen{};  ///< node.listen
    std::optional<std::string> state{};   ///< node.state
    std::optional<std::uint32_t> workers{};
    std::optional<std::string> log_level{};
    std::vector<std::string> clients{};  ///< stream.clients; empty: the settings' own
};

}  // namespace penstock::node
