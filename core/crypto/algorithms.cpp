// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/detail/fetched.hpp>

namespace penstock::crypto {

Algorithms::Algorithms() : fetched_(std::make_unique<Fetched>()) {
    auto& f = *fetched_;
    f.library.reset(OSSL_LIB_CTX_new());
    PENSTOCK_ASSERT(f.library != nullptr);
    f.aes_gcm.reset(EVP_CIPHER_fetch(f.library.get(), "AES-256-GCM", nullptr));
    f.chacha_poly.reset(EVP_CIPHER_fetch(f.library.get(), "ChaCha20-Poly1305", nullptr));
    f.sha256.reset(EVP_MD_fetch(f.library.get(), "SHA256", nullptr));
    f.scratch.reset(EVP_MD_CTX_new());
    PENSTOCK_ASSERT(f.aes_gcm != nullptr && f.chacha_poly != nullptr && f.sha256 != nullptr);
    PENSTOCK_ASSERT(f.scratch != nullptr &&
                    EVP_DigestInit_ex2(f.scratch.get(), f.sha256.get(), nullptr) == 1);
}

Algorithms::~Algorithms() = default;

}  // namespace penstock::crypto
