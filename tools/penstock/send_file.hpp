// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/settings.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/worker.hpp>

#include <cstdint>
#include <expected>
#include <string>

namespace penstock::tool {

/// The size of a regular file that can be read. An error is a line for people.
std::expected<std::uint64_t, std::string> file_size(const std::string& path);

/// Sends one file through channel F, and prints how it goes: stages, a progress bar on terminals, bytes per
/// second, the hash that the node verified. Answers the exit code.
Task<int> send_file(Worker& worker, client::Settings settings, std::string path, std::uint64_t size);

}  // namespace penstock::tool
