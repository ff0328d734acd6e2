// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/algorithms.hpp>

#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace penstock::crypto {

template <auto free_it>
struct Freed {
    void operator()(auto* what) const { free_it(what); }
};

/// What Algorithms holds. `scratch` is a SHA-256 for one-shot work; whoever used it on secrets starts it
/// again at the end, which erases them.
struct Algorithms::Fetched {
    std::unique_ptr<OSSL_LIB_CTX, Freed<OSSL_LIB_CTX_free>> library;  // first: freed last
    std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>> aes_gcm;
    std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>> chacha_poly;
    std::unique_ptr<EVP_MD, Freed<EVP_MD_free>> sha256;
    std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>> scratch;
};

}  // namespace penstock::crypto
