// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/secret.hpp>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

struct evp_md_ctx_st;

namespace penstock::crypto {

using Hash = std::array<std::uint8_t, 32>;

/// SHA-256 in pieces. `finish` starts it again, so one object serves many messages; not for secrets (hmac and
/// the functions below wipe what they used, this does so only at finish).
class Sha256 {
public:
    explicit Sha256(Algorithms& algorithms);
    Sha256(Sha256&&) noexcept = default;
    Sha256& operator=(Sha256&&) noexcept = default;

    void update(Bytes bytes);
    Hash finish();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// Of the pieces in a row, without joining them.
Hash sha256(Algorithms& algorithms, std::initializer_list<Bytes> pieces);

/// HMAC-SHA-256 (RFC 2104) of the pieces in a row.
Secret<32> hmac(Algorithms& algorithms, Bytes key, std::initializer_list<Bytes> pieces);

// HKDF with SHA-256 (RFC 5869).
inline constexpr std::size_t hkdf_bytes_max = 255 * 32;
Secret<32> hkdf_extract(Algorithms& algorithms, Bytes salt, Bytes input);
/// Requires out.size() <= hkdf_bytes_max.
void hkdf_expand(Algorithms& algorithms, Bytes secret, Bytes info, std::span<std::byte> out);

/// The protocol's XL (docs/protocol.md, 0.3): HKDF-Expand with the info
/// `u16 out.size() | v8("pst1 " + label) | v8(context)`. Requires a label of up to 250 and a context of up to
/// 255 bytes.
void expand_label(Algorithms& algorithms, const Secret<32>& secret, std::string_view label, Bytes context,
                  std::span<std::byte> out);
template <std::size_t N = 32>
Secret<N> expand_label(Algorithms& algorithms, const Secret<32>& secret, std::string_view label,
                       Bytes context = {}) {
    Secret<N> out;
    expand_label(algorithms, secret, label, context, out.writable());
    return out;
}

}  // namespace penstock::crypto
