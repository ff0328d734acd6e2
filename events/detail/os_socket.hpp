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
Result<void> connect(int number, const Address& peer);
Result<Descriptor> accept(int number, Address& peer);
Result<Address> local_address(int number);
/// The coming close drops what is queued and resets the connection.
void reset_on_close(int number);

}  // namespace penstock::events::detail
