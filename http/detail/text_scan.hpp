// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace penstock::http::detail {

// Scans that take sixteen bytes a step where there is SSE2 (every x86-64), else eight, and bytes at the end.

/// One flag (0x80) in each byte of `word` that is below 0x20 or is 0x7F. The lowest flag is exact, those
/// above it may be false.
constexpr std::uint64_t control_flags(std::uint64_t word) {
    constexpr std::uint64_t ones = 0x0101010101010101, flags = 0x8080808080808080;
    const auto del = word ^ ones * 0x7F;
    return (((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & flags;
}

#ifdef __SSE2__
/// All ones in each byte that lies in [low, high], unsigned.
inline __m128i in_range(__m128i bytes, int low, int high) {
    const auto above = _mm_sub_epi8(bytes, _mm_set1_epi8(static_cast<char>(low)));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(static_cast<char>(high - low))), above);
}

inline __m128i load(const char* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
#endif

/// skip_text for what is left at the end, and where there is no SSE2.
inline const char* skip_text_by_words(const char* at, const char* end) {
    for (;;) {
        if constexpr (std::endian::native == std::endian::little) {
            while (end - at >= 8) {
                std::uint64_t word;
                std::memcpy(&word, at, 8);
                if (const auto found = control_flags(word)) {
                    at += std::countr_zero(found) / 8;
                    break;
                }
                at += 8;
            }
        }
        while (at != end && static_cast<unsigned char>(*at) >= 0x20 && *at != 0x7F) ++at;
        if (at == end || *at != '\t') return at;
        ++at;
    }
}

/// The first control character in [at, end) other than HTAB, else end: it finds a line's CR and checks the
/// line in one pass.
inline const char* skip_text(const char* at, const char* end) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const auto bytes = load(at);
        const auto tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        const auto del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
        const auto found = _mm_or_si128(_mm_andnot_si128(tab, in_range(bytes, 0, 0x1F)), del);
        if (const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found)))
            return at + std::countr_zero(mask);
    }
#endif
    return skip_text_by_words(at, end);
}

/// Passes over ASCII letters and bytes in [low, high]; it may stop early, never late.
template <char low, char high>
const char* skip_run(const char* at, [[maybe_unused]] const char* end) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        const auto bytes = load(at);
        const auto letters = in_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
        const auto found = _mm_or_si128(letters, in_range(bytes, low, high));
        const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found)) ^ 0xFFFFu;
        if (mask != 0) return at + std::countr_zero(mask);
    }
#endif
    return at;
}

}  // namespace penstock::http::detail
