// SPDX-License-Identifier: Apache-2.0
// Certificates from strangers: whatever the bytes, parsing and judging end, and what is accepted encodes back
// to the same bytes.
#include <penstock/core/crypto/certificate.hpp>

#include <cstdlib>

using namespace penstock;
using namespace penstock::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(std::span<const std::uint8_t>(data, size));
    const auto certificate = Certificate::parse(input);
    if (!certificate) return 0;
    if (certificate->encoded() != input || size > Certificate::bytes_max) std::abort();
    if (certificate->name().size() > Certificate::name_bytes_max) std::abort();
    const CertificateUse use{certificate->usage(), certificate->not_before(), certificate->static_key()};
    if (check(*certificate, use, std::span(&*certificate, 1)) &&
        certificate->not_after() < certificate->not_before())
        std::abort();
    (void)verify(*certificate, use, std::span(&*certificate, 1));
    return 0;
}
