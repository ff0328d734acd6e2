// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/hash.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/message_key.hpp>

namespace penstock::stream {
namespace {

MessageKey derive(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& secret,
                  std::string_view label, Bytes context) {
    const auto own = crypto::expand_label(algorithms, secret, label, context);
    return {suite, crypto::expand_label(algorithms, own, "key"),
            crypto::expand_label<12>(algorithms, own, "iv")};
}

}  // namespace

crypto::Nonce MessageKey::nonce(std::uint64_t index, bool is_final) const {
    crypto::Nonce out;
    for (unsigned i = 0; i < 4; ++i) out[i] = iv.data()[i];
    for (unsigned i = 0; i < 8; ++i)
        out[4 + i] = static_cast<std::uint8_t>(iv.data()[4 + i] ^ (index >> 8 * (7 - i) & 0xFF));
    out[3] ^= is_final ? 1 : 0;
    return out;
}

MessageKey request_message_key(crypto::Algorithms& algorithms, const RequestKey& key, std::uint64_t n,
                               const Salt& salt) {
    std::array<std::byte, 8 + salt_bytes> context;
    detail::put(detail::put(context.data(), n, 8), Bytes(salt));
    return derive(algorithms, key.suite, key.client, "req", Bytes(context));
}

MessageKey response_message_key(crypto::Algorithms& algorithms, const RequestKey& key, std::uint64_t n,
                                const Salt& salt, const Salt& response_salt) {
    std::array<std::byte, 8 + 2 * salt_bytes> context;
    detail::put(detail::put(detail::put(context.data(), n, 8), Bytes(salt)), Bytes(response_salt));
    return derive(algorithms, key.suite, key.server, "res", Bytes(context));
}

}  // namespace penstock::stream
