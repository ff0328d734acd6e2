// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/stage.hpp>

#include <cstdint>
#include <span>

namespace penstock::client {

/// What can be known of a stage that runs.
enum class Fact : std::uint8_t {
    go,            ///< the owner wants to get on
    done,          ///< the stage is through
    unreachable,   ///< refused, reset, no answer in time, the node says "later"
    key_gone,      ///< the node does not know our key any more
    replayed,      ///< the number of a request was used
    session_gone,  ///< the node does not know the session
    mistrust,      ///< certificate, identity, version or suite: no retry mends it
    refused,       ///< the node refused us, or a letter that we need
    lost,          ///< the stream ended, but not because the other side was done with us
    closed,        ///< the other side said CLOSE, without an error
    stop,          ///< the owner closes
};

/// What is done about it.
enum class Action : std::uint8_t {
    enter,      ///< begin the next stage now
    fall_back,  ///< likewise, a few times; then as `retry`
    retry,      ///< it has failed: begin the next stage after a back-off
    report,     ///< nothing more to do: the target was reached, or it will not be
};

struct Transition {
    Stage from;
    Fact fact;
    Stage to;
    Action action;
    bool is_fatal = false;  ///< reach fails by it; what is not fatal is only told
};

/// All of the machine, as data. What is not in it cannot happen in that stage and is passed over.
std::span<const Transition> transitions();
/// Null: nothing is to be done.
const Transition* find(Stage from, Fact fact);

/// The fact behind an error of a stage. What was said in clear is not to be believed: the caller makes
/// `unreachable` of its mistrust, refused and closed.
Fact fact_of(const Error& error);

}  // namespace penstock::client
