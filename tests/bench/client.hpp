// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <string>
#include <string_view>

#include <bench/traffic.hpp>

// What every load does to one connection. Descriptors are the caller's.

namespace penstock::bench {

/// The server has failed when nothing came for so long.
inline constexpr std::chrono::seconds silence_max{10};

/// To 127.0.0.1, from 127.0.0.`from`: each source has its own ports.
Result<int> open_connection(std::uint16_t port, std::uint8_t from = 1);

/// One that doesn't fit the socket is an error.
Result<void> send_all(int descriptor, std::string_view bytes, int flags);

/// Sends one request, and waits until its whole reply is there: returns it. Refused: any other reply than the
/// traffic wants.
Result<std::string> ask_once(int descriptor, const Traffic& traffic);

}  // namespace penstock::bench
