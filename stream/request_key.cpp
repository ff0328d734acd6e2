// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/hash.hpp>
#include <penstock/stream/request_key.hpp>

namespace penstock::stream {

RequestKey make_request_key(crypto::Algorithms& algorithms, crypto::Suite suite,
                            const crypto::HandshakeState& state) {
    const auto keys = state.split(algorithms);
    const Bytes hash(state.hash());
    const auto both = crypto::hkdf_extract(algorithms, keys.key_1, keys.key_2);
    return {suite, crypto::expand_label(algorithms, keys.key_1, "c http", hash),
            crypto::expand_label(algorithms, keys.key_2, "s http", hash),
            crypto::expand_label(algorithms, both, "exp", hash)};
}

}  // namespace penstock::stream
