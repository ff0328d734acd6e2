// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/assert.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/channel_options.hpp>
#include <penstock/stream/stream_ctl.hpp>

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

namespace penstock::stream {

/// Which letters a worker has, and what handles their channels: a factory each, called with the channel that
/// it is for. It is the same for those that we open and those that the peer opens.
///
/// Thread: its worker's. Owner: shared by its sessions, so it outlives a reload.
class Channels : core::Affine {
public:
    using Make = std::move_only_function<std::unique_ptr<ChannelHandler>(Channel&)>;
    struct Letter {
        ChannelOptions options;
        Make make;
    };

    /// Null from `make` refuses. Requires a letter that is none of the others'.
    template <class F>
        requires std::convertible_to<std::invoke_result_t<F&, Channel&>, std::unique_ptr<ChannelHandler>>
    void add(char letter, const ChannelOptions& options, F make) {
        PENSTOCK_ASSERT(is_letter(static_cast<unsigned char>(letter)) && letters_.size() < letters_max);
        const bool is_new = letters_.emplace(letter, Letter{options, Make(std::move(make))}).second;
        PENSTOCK_ASSERT(is_new);
    }
    template <class F>
    void add(char letter, F make) {
        add(letter, ChannelOptions{}, std::move(make));
    }

    /// Null: no such letter.
    Letter* find(char letter) {
        const auto found = letters_.find(letter);
        return found == letters_.end() ? nullptr : &found->second;
    }
    /// All of them in the form of stream_ctl: what a client asks for, and what a server grants from.
    std::vector<LetterRequest> requests() const;

private:
    std::map<char, Letter> letters_;
};

}  // namespace penstock::stream
