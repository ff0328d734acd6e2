// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>

#include <memory>

namespace penstock::crypto {

/// AES-256-GCM, ChaCha20-Poly1305 and SHA-256, fetched from OpenSSL once, in a library context of its own: no
/// look-up by name and no counter shared with another worker on the way of the data, and no openssl.cnf that
/// takes an algorithm away. About 200 KiB and 1 ms to make.
///
/// Thread: one worker's (its typed local storage), passed by reference to what needs it.
/// Owner: outlives every Sha256 and Aead that was made with it.
class Algorithms : public core::Affine {
public:
    /// Ends the process if the OpenSSL that is installed has not got them.
    Algorithms();
    ~Algorithms();

    /// For the sources of this module.
    struct Fetched;
    Fetched& fetched() { return *fetched_; }

private:
    std::unique_ptr<Fetched> fetched_;
};

}  // namespace penstock::crypto
