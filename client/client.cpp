// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/detail/client_state.hpp>
#include <penstock/http/client.hpp>
#include <penstock/stream/encrypted_response.hpp>

#include <algorithm>

// The end of a Client's session, and the calls of its owner.
namespace penstock::client {
namespace {

template <class A>
void replace(Worker& worker, Told<A>& told, std::move_only_function<void(Client&, A)> call) {
    using Function = std::move_only_function<void(Client&, A)>;
    worker.bury(std::exchange(told, call ? std::make_unique<Function>(std::move(call)) : nullptr));
}

}  // namespace

// The stream, and its end.

void Client::State::drop_session() {
    steady.cancel();
    worker().bury(std::move(session));
}

void Client::State::session_ended(Error error) {
    if (session == nullptr) return;
    const bool has_all = session->is_acknowledged();
    drop_session();
    const auto fact = error ? fact_of(error) : Fact::closed;
    if (!error) error = crypto::error(crypto::Code::session_lost, "the node closed the session");
    if (is_closing) return closed(close_result ? *close_result : has_all ? Result<void>() : fail(error));
    lost_by = {find(Stage::stream_streaming, fact) != nullptr ? fact : Fact::lost, error};
    if (stage != Stage::stream_streaming) return;  // the walk sees it
    stop_walk();
    entered = worker().now();
    if (goes_on_after(lost_by)) start_walk();
}

/// Nothing is left but callbacks, and what others wait for.
void Client::State::to_begin() {
    ++begins;
    stage = Stage::begin;
    psk.clear();
    reply.reset();
    uplink.reset();
    node.reset();
}

void Client::State::begin_close() {
    if (is_closing) return;
    stop_walk();
    reached.give(fail(canceled));
    if (session == nullptr) return to_begin();
    stage = Stage::stream_streaming;
    is_closing = true;
    late.arm(settings->stage_time_max);
    session->on_acknowledged([this] { close_with({}); });
}

/// CLOSE goes out in this turn, and session_ended brings the answer.
void Client::State::close_with(Result<void> result) {
    late.cancel();
    close_result = result;
    session->close();
}

void Client::State::closed(const Result<void>& result) {
    is_closing = false;
    late.cancel();
    close_result.reset();
    to_begin();
    for (auto& waiting : std::exchange(closing, {})) waiting.give(result);
}

/// Whoever waits hears of it.
void Client::State::cancel_all() {
    stop_walk();
    if (session != nullptr) {
        ++sessions;  // we don't hear of its end
        session->abort(canceled);
        drop_session();
    }
    closed(fail(canceled));
    reached.give(fail(canceled));
}

// Callbacks of the owner.

/// The last thing that is done: the client may die in the callback.
template <class R>
Task<> Client::State::tell_result(Task<R> task, std::uint64_t id,
                                  std::move_only_function<void(Client&, R)> then) {
    auto result = co_await task;
    if (is_in_call) co_await Soon();
    const auto found = calls.find(id);
    worker().bury(std::move(found->second));
    calls.erase(found);
    try {
        then(client, std::move(result));
    } catch (...) {
        worker().caught("callback of a client");
    }
}

template <class R>
void Client::State::call(Task<R> task, std::move_only_function<void(Client&, R)> then) {
    const auto id = next_call++;
    auto& made = *(calls[id] = std::make_unique<Call>(worker()));
    const bool was = std::exchange(is_in_call, true);
    made.start(tell_result(std::move(task), id, std::move(then)));
    is_in_call = was;
}

// The public face.

Client::Client(Worker& worker, Settings settings)
    : state_(std::make_unique<State>(*this, worker, std::move(settings))) {}

Client::~Client() {
    auto& state = *state_;
    state.cancel_all();
    for (auto& waiting : state.renewing) waiting.give(fail(canceled));
    for (auto& [id, call] : state.calls) {
        call->destroy();
        state.worker().bury(std::move(call));
    }
    state.worker().bury(std::move(state_));
}

Worker& Client::worker() const { return state_->worker(); }
stream::Channels& Client::channels() { return *state_->channels; }
stream::Session* Client::session() { return state_->session.get(); }
const NodeId* Client::node() const { return state_->node ? &*state_->node : nullptr; }

Stage Client::stage() const {
    const auto& state = *state_;
    const bool is_parked = !state.is_walking && !state.is_deferred() && state.stage > Stage::begin &&
                           state.stage < Stage::stream_streaming;
    return is_parked ? static_cast<Stage>(static_cast<int>(state.stage) - 1) : state.stage;
}

void Client::on_stage(std::move_only_function<void(Client&, const StageEvent&)> call) {
    replace(worker(), state_->on_stage, std::move(call));
}
void Client::on_first_contact(std::move_only_function<void(Client&, const NodeId&)> call) {
    replace(worker(), state_->on_first_contact, std::move(call));
}

stream::Channel* Client::channel(char letter) {
    return state_->session != nullptr ? state_->session->find(letter) : nullptr;
}

Awaitable<Result<void>> Client::reach(Stage stage) {
    auto& state = *state_;
    const bool was_awaited = state.reached.is_awaited();
    state.reached.give(fail(Error::os(ECANCELED, "another reach took its place")));
    if (state.is_closing)
        return Awaitable<Result<void>>(Result<void>(fail(Error::os(ECANCELED, "the client is closing"))));
    const bool is_idle = !state.is_walking && !state.is_deferred();
    const bool is_there = stage < state.stage || stage == Stage::begin ||
                          (stage == Stage::stream_streaming && state.session != nullptr && is_idle);
    // What nobody waits for, but has been reached before, is still wanted.
    const bool is_further = !was_awaited && (!is_idle || state.session != nullptr);
    state.target = is_further ? std::max(stage, state.target) : stage;
    state.awaited = stage;
    if (is_there) return Awaitable<Result<void>>(Result<void>());
    return Awaitable<Result<void>>(state.reached, [&] {
        if (is_idle) state.forget_failures();
        state.start_walk();
    });
}

void Client::reach(Stage stage, std::move_only_function<void(Client&, Result<void>)> then) {
    auto task = [](Client& client, Stage wanted) -> Task<Result<void>> {
        co_return co_await client.reach(wanted);
    };
    state_->call(task(*this, stage), std::move(then));
}

Task<Result<http::Response>> Client::request(http::Request request) {
    if (state_->uplink == nullptr)
        co_return fail(crypto::error(crypto::Code::key_unknown, "no key yet: reach enc_init first"));
    auto uplink = state_->uplink;
    if (uplink->is_stale()) {
        const auto renewed = co_await state_->renew();
        if (!renewed) co_return fail(renewed);
        uplink = *renewed;
    }
    // From here on the client may be gone.
    auto plain = co_await uplink->request(request);
    if (!plain) co_return fail(plain.error().error);
    const auto head = stream::parse_inner_response(Bytes(plain->response), plain->is_streaming);
    http::Response out(plain->status);
    if (head)
        for (const auto& field : head->fields) out.fields().add(field.name, field.value);
    plain->response.drop(plain->body_at);
    out.body(std::move(plain->response));
    co_return out;
}

void Client::request(http::Request request,
                     std::move_only_function<void(Client&, Result<http::Response>)> then) {
    state_->call(this->request(std::move(request)), std::move(then));
}

Task<Result<http::Response>> Client::request_in_clear(http::Request request) {
    const auto& uplinks = state_->settings->uplinks;
    if (uplinks.empty()) co_return fail(Error(core::Domain::settings, 1, "no uplink is set"));
    if (const auto checked = check_uplink(uplinks.front()); !checked) co_return fail(checked);
    if (!request.target().starts_with('/'))
        co_return fail(Error(core::Domain::http, 400, "the target is a path"));
    http::Request absolute(request.method(), "http://" + uplinks.front() + std::string(request.target()));
    for (const auto& [name, value] : request.fields()) absolute.fields().add(name, value);
    absolute.body(Buffer::copy(request.body()));
    co_return co_await worker().local<http::Client>().send(std::move(absolute));
}

Task<Result<void>> Client::close() {
    state_->begin_close();
    if (!state_->is_closing) co_return Result<void>();
    co_return co_await Awaitable<Result<void>>(state_->closing.emplace_back());
}

void Client::close(std::move_only_function<void(Client&, Result<void>)> then) {
    state_->call(close(), std::move(then));
}

void Client::abort() { state_->cancel_all(); }

}  // namespace penstock::client
