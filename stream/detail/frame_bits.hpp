// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/stream/frame.hpp>
#include <penstock/stream/limits.hpp>

#include <cstdint>

namespace penstock::stream::detail {

// Kinds and flags of DATA, and what else reader and writer of frames have to agree upon.
inline constexpr std::uint8_t begins = 1, ends = 2, with_total = 4, with_offset = 8;
inline constexpr std::uint8_t data_from = 0x10, data_fin_from = 0x20, data_to = 0x2F;
inline constexpr std::uint8_t last_part = 1;  // arg of RESUME
inline constexpr std::uint16_t ping_setting = 1, record_setting = 2;

/// Of the shapes that DATA may have: see DataFrame.
inline bool is_well_formed(const DataFrame& frame) {
    const bool is_cut = frame.begins && !frame.ends;
    if (!frame.channel.is_valid() || frame.offset.value_or(0) > offset_max) return false;
    if (is_cut ? frame.total_bytes <= frame.data.size() : frame.total_bytes != 0) return false;
    if (frame.ends) return true;
    return frame.is_fin ? !frame.begins && frame.data.empty() : frame.begins || !frame.data.empty();
}

}  // namespace penstock::stream::detail
