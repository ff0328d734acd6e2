// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

namespace penstock::node {

/// The folder for what a node or a client keeps: `wanted`, else $STATE_DIRECTORY (the first of several), else
/// ~/.local/state/penstock. Made with its parents (0700) when it is missing. An error is a line for people
/// that says what to do.
std::expected<std::string, std::string> open_state_folder(const std::string& wanted);

/// Which folder that is, without looking at it.
std::expected<std::string, std::string> state_folder(const std::string& wanted);

}  // namespace penstock::node
