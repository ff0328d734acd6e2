// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/descriptor.hpp>

#include <string>

// The system's sockets: all are non-blocking and closed on exec; streams have TCP_NODELAY.

namespace penstock::events::detail {

Result<Descriptor> open_listening(const Address& address, ListenOptions options);
/// Binds it alone, and lets it go: EADDRINUSE tells of others of the same user too, who would share the port.
Result<void> probe(const Address& address);
Result<Descriptor> open_stream(const Address& peer);
Result<Descriptor> open_unix_listening(const std::string& path, ListenOptions options);
Result<Descriptor> open_unix_stream(const std::string& path);
/// EINPROGRESS: it is complete when the descriptor becomes writable; then see connect_error.
Result<void> connect(int number, const Address& peer);
Error connect_error(int number);
Result<Descriptor> accept(int number, Address& peer);
Result<Address> local_address(int number);
/// Empty when it has none (any more).
Address peer_address(int number);
/// Takes what the system takes out of the operation's data, to its end or an error. False: it takes no more
/// now. For streams and pipes.
bool send_stream(int number, Descriptor::Kind kind, Operation& operation);
inline constexpr std::size_t gather_max = 64;  ///< slices in one system call
/// Resets the connection now; the descriptor stays open.
void disconnect(int number);
/// The coming close drops what is queued and resets the connection.
void reset_on_close(int number);

}  // namespace penstock::events::detail
