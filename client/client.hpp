// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/settings.hpp>
#include <penstock/client/stage.hpp>
#include <penstock/core/affine.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/http/message.hpp>
#include <penstock/stream/channels.hpp>
#include <penstock/stream/session.hpp>

#include <functional>
#include <memory>
#include <string>

namespace penstock::client {

/// The staged client of a node: begin, enc_init (who is it?), stream_ctl (a session), stream_session (a
/// connection), stream_connected (attached), stream_streaming (channels work). The machine is a table
/// (transitions.hpp); each stage has a deadline; the server's identity is checked and nothing goes on without
/// it.
///
/// Sessions do not survive their connection yet: after a loss a new one is opened, and its channels are new.
/// A loss is a failure of stream_streaming: whether it goes on is a matter of Settings::tries_max. Failures
/// are forgotten after 60 s of streaming, and when you call `reach` while nothing goes on.
///
/// No callback comes inside a call. Owner: you; it may die inside its callbacks, and whoever awaits then gets
/// ECANCELED. Thread: its worker's.
class Client : core::Affine {
public:
    Client(Worker& worker, Settings settings);
    ~Client();

    Worker& worker() const;
    /// Letters to be added before stream_ctl.
    stream::Channels& channels();
    void on_stage(std::move_only_function<void(Client&, const StageEvent&)> call);
    /// A node was met for the first time and written to known_nodes.
    void on_first_contact(std::move_only_function<void(Client&, const NodeId&)> call);

    /// Until the stage is reached, or is behind us; fails by what no retry mends, or when no tries are left.
    /// The newest one counts: whoever waits for another gets ECANCELED.
    Awaitable<Result<void>> reach(Stage stage);
    void reach(Stage stage, std::move_only_function<void(Client&, Result<void>)> then);
    /// The one that it is in, or the last one that is complete.
    Stage stage() const;
    /// Null before stream_streaming, and behind it.
    stream::Channel* channel(char letter);
    stream::Session* session();
    /// Who answered; null before enc_init is done.
    const NodeId* node() const;

    /// Encrypted; from enc_init on (before, it fails with KEY_UNKNOWN). The target is a path. Repeats
    /// nothing, but shakes hands first when the node has forgotten the key meanwhile. Goes on when the client
    /// is closed or dies (what was awaited is answered; a callback of a dead client does not come).
    Task<Result<http::Response>> request(http::Request request);
    void request(http::Request request, std::move_only_function<void(Client&, Result<http::Response>)> then);
    /// Plain HTTP to the first uplink.
    Task<Result<http::Response>> request_in_clear(http::Request request);

    /// Waits until the peer's application has taken all that was sent and queued on open channels, then
    /// CLOSE; back to begin. Channels go on until then. Errors, with something not acknowledged: ETIMEDOUT
    /// (Settings::stage_time_max; CLOSE was sent), what ended the session, ECANCELED (abort).
    Task<Result<void>> close();
    void close(std::move_only_function<void(Client&, Result<void>)> then);
    /// Back to begin at once, from wherever it is; who waits for reach or close gets ECANCELED.
    void abort();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::client
