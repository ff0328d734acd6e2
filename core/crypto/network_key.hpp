// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/random.hpp>
#include <penstock/core/result.hpp>

#include <string>

namespace penstock::crypto {

/// What the nodes of one network share (docs/protocol.md, 1.4): psk 0 of each handshake. Never all zeros,
/// which is what no key looks like. In locked memory that is wiped when it dies.
///
/// Its file, of mode 0600, is 64 hexadecimal digits and perhaps an end of line; nothing else.
/// Thread: any, one at a time; immutable once made. Moved-from ones may only die or be assigned to.
class NetworkKey {
public:
    static NetworkKey make(core::Random& random);
    static Result<NetworkKey> load(const std::string& path);
    static Result<NetworkKey> parse(Bytes text);
    /// Refuses to overwrite: EEXIST.
    Result<void> save(const std::string& path) const;

    const Secret<32>& secret() const { return *secret_; }

    static constexpr bool sendable = true;

private:
    NetworkKey() = default;
    Locked<Secret<32>> secret_;
};

}  // namespace penstock::crypto
