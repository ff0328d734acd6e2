// SPDX-License-Identifier: Apache-2.0
// The plaintext of a record: whatever is accepted is written the same, and what is behind the frames, too.
#include <penstock/stream/frame_reader.hpp>
#include <penstock/stream/frame_writer.hpp>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

using namespace penstock;
using namespace penstock::stream;

namespace {

std::array<std::byte, 1 << 17> room;

struct Write {
    FrameWriter& out;

    bool operator()(const DataFrame& frame) const { return out.data(frame); }
    bool operator()(const WindowFrame& frame) const {
        for (const auto& entry : frame.entries)
            if (!out.window(entry)) return false;
        return true;
    }
    bool operator()(const PingFrame& frame) const { return out.ping(frame); }
    bool operator()(const PongFrame& frame) const { return out.pong(frame); }
    bool operator()(const ResetFrame& frame) const { return out.reset(frame); }
    bool operator()(const StopFrame& frame) const { return out.stop(frame); }
    bool operator()(const CloseFrame& frame) const { return out.close(frame.code, frame.text); }
    bool operator()(const GoawayFrame& frame) const {
        std::vector<ChannelId> accepted;
        for (const auto& mark : frame.accepted) accepted.push_back(mark.channel);
        const std::vector<Endpoint> endpoints(frame.endpoints.begin(), frame.endpoints.end());
        return out.goaway(frame.code, frame.drain_ms, accepted, endpoints, frame.text);
    }
    bool operator()(const ResumeFrame& frame) const {
        if (!frame.is_last) return true;  // how it is cut into parts is the writer's choice
        const std::vector<ResumeEntry> entries(frame.entries.begin(), frame.entries.end());
        std::vector<ChannelId> opened;
        for (const auto& mark : frame.opened) opened.push_back(mark.channel);
        std::span<const ResumeEntry> left(entries);
        return out.resume(left, opened);
    }
    bool operator()(const SettingsFrame& frame) const { return out.settings(frame); }
};

bool is_rewritten_the_same(const Frame& frame) {
    if (const auto* resume = std::get_if<ResumeFrame>(&frame)) return resume->is_last;
    return !std::holds_alternative<SettingsFrame>(frame);  // what it doesn't know is left out
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(std::span<const std::uint8_t>(data, size));
    FrameReader reader(input);
    while (const auto frame = reader.next()) {
        FrameWriter writer(room);
        if (!std::visit(Write{writer}, *frame)) std::abort();
        const auto written = Bytes(room).first(writer.size());
        if (is_rewritten_the_same(*frame) && input.text().find(written.text()) == std::string_view::npos)
            std::abort();
        FrameReader again(written);
        const auto back = again.next();
        if (writer.size() > 0 && (!back || back->index() != frame->index())) std::abort();
    }
    if (reader.error() && reader.next()) std::abort();
    return 0;
}
