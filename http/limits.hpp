// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::http {

/// How much of a message the parsers accept, and the status of what exceeds it. All limits together stay
/// below 1 GiB: parsers count in 32 bits. Bodies are limited by whoever collects them.
struct Limits {
    std::uint32_t method_bytes_max = 32;               ///< 501
    std::uint32_t request_line_bytes_max = 16 * 1024;  ///< 414; without its CRLF. Status lines, too
    std::uint32_t fields_bytes_max = 64 * 1024;        ///< 431; the section with all its CRLFs, the last too
    std::uint32_t fields_max = 256;                    ///< 431

    std::uint32_t chunk_line_bytes_max = 1024;             ///< 400; size and extensions, without CRLF
    std::uint32_t chunk_extensions_bytes_max = 16 * 1024;  ///< 400; in the whole body
    std::uint32_t trailers_bytes_max = 8 * 1024;           ///< 431; as fields_bytes_max
    std::uint32_t trailers_max = 64;                       ///< 431
};

}  // namespace penstock::http
