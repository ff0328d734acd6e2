// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/channels.hpp>

#include <algorithm>

namespace penstock::stream {

std::vector<LetterRequest> Channels::requests() const {
    std::vector<LetterRequest> out;
    for (const auto& [name, letter] : letters_) {
        const auto& options = letter.options;
        LetterRequest request;
        request.letter = name;
        request.instances_max = options.instances_max;
        request.window_bytes =
            static_cast<std::uint32_t>(std::min<std::size_t>(options.window_bytes, channel_window_bytes_max));
        request.message_bytes_max = static_cast<std::uint32_t>(
            std::min<std::size_t>(options.message_bytes_max, request.window_bytes / 2));
        request.weight = options.weight;
        out.push_back(request);
    }
    return out;
}

}  // namespace penstock::stream
