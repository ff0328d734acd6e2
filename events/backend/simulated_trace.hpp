// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/bytes.hpp>
#include <penstock/events/backend/simulated_clock.hpp>

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::events {

/// What happened in a simulation, a line each: "0.000020512 host 1: send 1448 #9a30c1f2".
class SimulatedTrace {
public:
    /// What was transferred: so many bytes, and a checksum of them.
    struct Content {
        Bytes bytes;
    };

    explicit SimulatedTrace(const VirtualClock& clock) : clock_(clock) {}

    bool is_on() const { return is_on_; }
    void start() { is_on_ = true; }
    const std::string& text() const { return text_; }
    /// Of the text so far.
    std::uint64_t hash() const { return hash_; }

    template <class... P>
    void line(std::string_view who, const P&... parts) {
        if (!is_on_) return;
        const auto from = begin(who);
        (add(parts), ...);
        end(from);
    }

private:
    std::size_t begin(std::string_view who);
    void end(std::size_t from);
    void add(std::string_view text);
    void add(const char* text) { add(std::string_view(text)); }
    void add(std::uint64_t number);
    void add(const Address& address);
    void add(const Content& content);

    const VirtualClock& clock_;
    std::string text_;
    std::uint64_t hash_ = 0xCBF29CE484222325;  // FNV-1a
    bool is_on_ = false;
};

}  // namespace penstock::events
