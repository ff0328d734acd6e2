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
/// Owner: you; it may die inside its callbacks. Thread: its worker's.
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

    /// Until the stage is reached; fails by what no retry mends, or when no tries are left. One at a time.
    Awaitable<Result<void>> reach(Stage stage);
    void reach(Stage stage, std::move_only_function<void(Client&, Result<void>)> then);
    Stage stage() const;
    /// Null before stream_streaming, and behind it.
    stream::Channel* channel(char letter);
    stream::Session* session();
    /// Who answered; null before enc_init is done.
    const NodeId* node() const;

    /// Encrypted; from enc_init on (before, it fails with KEY_UNKNOWN). The target is a path. Repeats
    /// nothing.
    Task<Result<http::Response>> request(http::Request request);
    void request(http::Request request, std::move_only_function<void(Client&, Result<http::Response>)> then);
    /// Plain HTTP to the first uplink.
    Task<Result<http::Response>> request_in_clear(http::Request request);

    /// Sends what is queued, then CLOSE. An error: not all of it went out in time.
    Task<Result<void>> close();
    void close(std::move_only_function<void(Client&, Result<void>)> then);
    void abort();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace penstock::client
