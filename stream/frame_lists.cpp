// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/frame_lists.hpp>

namespace penstock::stream {
namespace {

constexpr std::uint64_t final_acked = std::uint64_t{1} << 63;
enum State : std::uint8_t { final_known = 1, reset = 2, stopped = 4, all_states = 7 };

}  // namespace

bool WindowEntry::read(crypto::Reader& reader, WindowEntry& entry) {
    entry.channel = ChannelId(reader.u32());
    const auto consumed = reader.u64();
    entry.consumed = consumed & offset_max;
    entry.is_final_acked = (consumed & final_acked) != 0;
    entry.window_bytes = reader.u32();
    if (!reader.ok()) return false;
    return entry.channel.is_valid() || (entry.channel.is_connection() && !entry.is_final_acked);
}

bool ResumeEntry::read(crypto::Reader& reader, ResumeEntry& entry) {
    entry = {};
    entry.channel = ChannelId(reader.u32());
    const auto state = reader.u8();
    entry.offset = reader.u64();
    entry.limit = reader.u64();
    if ((state & final_known) != 0) entry.final_offset = reader.u64();
    entry.is_reset = (state & reset) != 0;
    entry.is_stopped = (state & stopped) != 0;
    if (entry.is_reset || entry.is_stopped) entry.code = static_cast<crypto::Code>(reader.u16());
    return reader.ok() && entry.channel.is_valid() && state <= all_states && entry.offset <= offset_max &&
           entry.limit >= entry.offset && entry.final_offset.value_or(entry.offset) >= entry.offset &&
           entry.final_offset.value_or(0) <= offset_max;
}

bool Mark::read(crypto::Reader& reader, Mark& mark) {
    mark.channel = ChannelId(reader.u32());
    return reader.ok() && mark.channel.is_valid();
}

}  // namespace penstock::stream
