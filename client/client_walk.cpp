// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/detail/client_state.hpp>

#include <algorithm>

// How a Client walks its stages, and what it makes of failures.
namespace penstock::client {
namespace {

/// So long in streaming, and all failures are forgotten.
constexpr std::chrono::seconds steady_time{60};
/// Of those in a row that cost no try and no back-off.
constexpr unsigned fall_backs_max = 2;
/// Failures of a stage behind enc_init, after which another uplink has its turn.
constexpr unsigned stage_failures_max = 2;

}  // namespace

bool Client::State::tell(Stage of, Status status, Error error, bool will_retry,
                         std::chrono::milliseconds delay) {
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(worker().now() - entered);
    const auto attempt = failures[static_cast<std::size_t>(of)] + 1;
    const StageEvent event{of, status, attempt, elapsed, error, will_retry, delay};
    return tell_owner<const StageEvent&>(on_stage, event);
}

void Client::State::forget_failures() {
    failures = {};
    retries = fall_backs = 0;
    uplinks_failed = 0;
}

/// Full jitter.
std::chrono::milliseconds Client::State::backoff(unsigned failed_before) {
    const auto most = settings->backoff_max;
    const auto doubled = std::min(failed_before, 16u);
    const auto base = settings->backoff_base;
    const auto limit =
        std::max(base > most / (1 << doubled) ? most : base * (1 << doubled), std::chrono::milliseconds(0));
    return std::chrono::milliseconds(worker().random().below(static_cast<std::uint64_t>(limit.count()) + 1));
}

void Client::State::on_deferred() {
    if (std::exchange(is_walking, true)) return;
    start(walk());
}

void Client::State::on_finished(std::exception_ptr thrown) {
    is_walking = false;
    if (thrown == nullptr) return;
    cancel_all();
    std::rethrow_exception(thrown);
}

/// What a node asks for and a fifth at most, lest all come at once.
std::chrono::milliseconds Client::State::with_jitter(std::chrono::milliseconds after) {
    const auto fifth = static_cast<std::uint64_t>(after.count() / 5);
    return after + std::chrono::milliseconds(worker().random().below(fifth + 1));
}

/// Nothing of it goes on: what runs now comes back and ends.
void Client::State::stop_walk() {
    ++stops;
    Deferred::cancel();
    if (auto* left = std::exchange(connection, nullptr)) {
        left->on_ended({});
        left->abandon();
    }
    destroy();
    is_walking = false;
    connector.reset();
    pause = {};
}

Task<> Client::State::walk() {
    const auto mine = stops;
    if (stage == Stage::begin) stage = find(Stage::begin, Fact::go)->to;
    for (;;) {
        if (const auto delay = std::exchange(pause, {}); delay.count() > 0) co_await worker().sleep(delay);
        entered = worker().now();
        if (stage == Stage::stream_streaming) {
            steady.arm(steady_time);
            if (tell(stage, Status::complete)) reached.give(Result<void>());
            co_return;  // goes on when the session ends
        }
        if (!tell(stage, Status::in_progress)) co_return;
        auto ended = co_await run(stage);
        if (stops != mine) co_return;
        if (ended.fact == Fact::done) {
            const auto through = std::exchange(stage, find(stage, Fact::done)->to);
            failures[static_cast<std::size_t>(through)] = 0;
            if (stage != Stage::stream_streaming || session != nullptr) {
                const bool is_target = through >= target;
                if (!tell(through, is_target ? Status::complete : Status::done)) co_return;
                if (through >= awaited) reached.give(Result<void>());
                if (is_target) co_return;
                continue;
            }
            ended = lost_by;  // it ended in the turn in which it began
        }
        if (!goes_on_after(ended)) co_return;
    }
}

/// Counts and tells a failure of the stage, and sets the next one with the pause before it. False: this was
/// the end of the walk. The last thing that is done.
bool Client::State::goes_on_after(const Ended& ended) {
    const auto mine = stops;
    const auto of = stage;
    auto& failed_before = failures[static_cast<std::size_t>(of)];
    const auto* next = find(of, ended.fact);
    if (next == nullptr) next = find(of, Fact::unreachable);
    bool gives_up = next->is_fatal || next->action == Action::report;
    bool is_free = !gives_up && next->action == Action::fall_back && fall_backs < fall_backs_max;
    if (is_free) ++fall_backs;
    auto to = next->to;
    const auto uplinks = settings->uplinks.size();
    if (!gives_up && of == Stage::enc_init) {
        ++uplink_at;
        is_free = ++uplinks_failed % uplinks != 0;  // the next one, now
    } else if (!gives_up && !is_free && uplinks > 1 && failed_before + 1 >= stage_failures_max) {
        ++uplink_at;
        to = Stage::enc_init;
    }
    std::chrono::milliseconds delay{0};
    if (!is_free && !gives_up) {
        gives_up = !settings->always_reconnect && failed_before + 1 >= settings->tries_max;
        if (!gives_up) delay = std::max(backoff(retries++), with_jitter(ended.after));
    }
    stage = gives_up ? Stage::begin : to;
    pause = delay;
    if (gives_up) reached.give(fail(ended.error));
    if (!tell(of, Status::error, ended.error, !gives_up, delay)) return false;
    if (gives_up) {
        forget_failures();
        return false;
    }
    if (!is_free) ++failed_before;
    if (delay.count() > 0) tell(to, Status::backoff, ended.error, true, delay);
    return stops == mine;
}

}  // namespace penstock::client
