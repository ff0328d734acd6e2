// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/hash.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/session_keys.hpp>

#include <array>

namespace penstock::stream {

crypto::Secret<32> session_secret(crypto::Algorithms& algorithms, const crypto::Secret<32>& exporter,
                                  Bytes request_inner, Bytes reply_inner) {
    std::array<std::byte, 4> request_length, reply_length;
    detail::put(request_length.data(), request_inner.size(), 4);
    detail::put(reply_length.data(), reply_inner.size(), 4);
    const auto both =
        crypto::sha256(algorithms, {Bytes(request_length), request_inner, Bytes(reply_length), reply_inner});
    return crypto::expand_label(algorithms, exporter, "session", Bytes(both));
}

crypto::Secret<32> attach_psk(crypto::Algorithms& algorithms, const crypto::Secret<32>& session_secret) {
    return crypto::expand_label(algorithms, session_secret, "attach");
}

}  // namespace penstock::stream
