// SPDX-License-Identifier: Apache-2.0
// The texts of key files: of a node, and of a network.
#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/crypto/network_key.hpp>

#include <cstdlib>

using namespace penstock;
using namespace penstock::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(std::span<const std::uint8_t>(data, size));
    const auto identity = Identity::parse(input);
    if (identity && (identity->static_key().secret().is_zero() || identity->node_key().seed().is_zero()))
        std::abort();
    const auto key = NetworkKey::parse(input);
    if (key && (key->secret().is_zero() || size < 64 || size > 65)) std::abort();
    return 0;
}
