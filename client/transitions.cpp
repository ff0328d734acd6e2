// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/transitions.hpp>
#include <penstock/core/crypto/code.hpp>

#include <array>

namespace penstock::client {
namespace {

using enum Stage;

constexpr std::array table{
    Transition{begin, Fact::go, enc_init, Action::enter},

    Transition{enc_init, Fact::done, stream_ctl, Action::enter},
    Transition{enc_init, Fact::unreachable, enc_init, Action::retry},
    Transition{enc_init, Fact::mistrust, begin, Action::report, true},
    Transition{enc_init, Fact::refused, begin, Action::report, true},

    Transition{stream_ctl, Fact::done, stream_session, Action::enter},
    Transition{stream_ctl, Fact::unreachable, stream_ctl, Action::retry},
    Transition{stream_ctl, Fact::key_gone, enc_init, Action::fall_back},
    Transition{stream_ctl, Fact::replayed, stream_ctl, Action::fall_back},
    Transition{stream_ctl, Fact::mistrust, begin, Action::report, true},
    Transition{stream_ctl, Fact::refused, begin, Action::report, true},

    Transition{stream_session, Fact::done, stream_connected, Action::enter},
    Transition{stream_session, Fact::unreachable, stream_session, Action::retry},

    Transition{stream_connected, Fact::done, stream_streaming, Action::enter},
    Transition{stream_connected, Fact::unreachable, stream_session, Action::retry},
    Transition{stream_connected, Fact::session_gone, stream_ctl, Action::fall_back},
    Transition{stream_connected, Fact::mistrust, begin, Action::report, true},
    Transition{stream_connected, Fact::refused, begin, Action::report, true},

    Transition{stream_streaming, Fact::lost, stream_ctl, Action::retry},
    Transition{stream_streaming, Fact::unreachable, stream_ctl, Action::retry},
    Transition{stream_streaming, Fact::session_gone, stream_ctl, Action::retry},
    Transition{stream_streaming, Fact::closed, begin, Action::report},

    Transition{enc_init, Fact::stop, begin, Action::report},
    Transition{stream_ctl, Fact::stop, begin, Action::report},
    Transition{stream_session, Fact::stop, begin, Action::report},
    Transition{stream_connected, Fact::stop, begin, Action::report},
    Transition{stream_streaming, Fact::stop, begin, Action::report},
};

}  // namespace

std::span<const Transition> transitions() { return table; }

const Transition* find(Stage from, Fact fact) {
    for (const auto& row : table)
        if (row.from == from && row.fact == fact) return &row;
    return nullptr;
}

Fact fact_of(const Error& error) {
    if (error.domain() != core::Domain::stream) return Fact::unreachable;
    using crypto::Code;
    switch (static_cast<Code>(error.code())) {
        case Code::cert_untrusted:
        case Code::cert_expired:
        case Code::identity_mismatch:
        case Code::signature:
        case Code::version:
        case Code::no_suite:
        case Code::handshake:
        case Code::decrypt:
        case Code::protocol: return Fact::mistrust;
        case Code::key_unknown: return Fact::key_gone;
        case Code::replay: return Fact::replayed;
        case Code::no_session:
        case Code::attach_stale: return Fact::session_gone;
        case Code::auth_required:
        case Code::auth_refused:
        case Code::channel_unknown:
        case Code::channel_denied:
        case Code::network_key: return Fact::refused;
        case Code::shutdown:  // it comes back, or another one does
        case Code::session_lost: return Fact::lost;
        case Code::no_error: return Fact::closed;
        default: return Fact::unreachable;
    }
}

const char* name(Stage stage) {
    switch (stage) {
        case begin: return "begin";
        case enc_init: return "enc_init";
        case stream_ctl: return "stream_ctl";
        case stream_session: return "stream_session";
        case stream_connected: return "stream_connected";
        case stream_streaming: return "stream_streaming";
    }
    return "unknown";
}

const char* name(Status status) {
    switch (status) {
        case Status::none: return "none";
        case Status::in_progress: return "in progress";
        case Status::error: return "error";
        case Status::backoff: return "backoff";
        case Status::done: return "done";
        case Status::complete: return "complete";
    }
    return "unknown";
}

}  // namespace penstock::client
