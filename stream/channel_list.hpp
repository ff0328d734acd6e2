// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::stream {

class Channel;

/// A channel's place in one of its session's lists.
struct ListHook {
    Channel* next = nullptr;
    Channel* previous = nullptr;
    bool is_in = false;
};

/// Channels in a row, first in first out, linked by a hook inside them: no call allocates or searches.
template <class Owner, ListHook Owner::* Hook>
class ChannelList {
public:
    Owner* front() const { return first_; }
    bool empty() const { return first_ == nullptr; }
    bool has_several() const { return first_ != last_; }
    static bool contains(const Owner& channel) { return (channel.*Hook).is_in; }
    static Owner* after(const Owner& channel) { return (channel.*Hook).next; }

    /// Again is legal: it stays where it is.
    void push(Owner& channel) {
        auto& hook = channel.*Hook;
        if (hook.is_in) return;
        hook = {nullptr, last_, true};
        (last_ != nullptr ? (last_->*Hook).next : first_) = &channel;
        last_ = &channel;
    }
    void erase(Owner& channel) {
        auto& hook = channel.*Hook;
        if (!hook.is_in) return;
        (hook.previous != nullptr ? (hook.previous->*Hook).next : first_) = hook.next;
        (hook.next != nullptr ? (hook.next->*Hook).previous : last_) = hook.previous;
        hook = {};
    }
    Owner* pop() {
        auto* out = first_;
        if (out != nullptr) erase(*out);
        return out;
    }

private:
    Owner* first_ = nullptr;
    Owner* last_ = nullptr;
};

}  // namespace penstock::stream
