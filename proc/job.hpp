// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/result.hpp>
#include <penstock/proc/answer.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock::proc {

class Queue;

enum class Priority : std::uint8_t { low, normal, high };
inline constexpr std::size_t priorities = 3;

/// The node of one job: what is run, its arguments, and the way home of its result. For the module itself.
///
///     waiting <-> running -> ended        cancelled while it runs: doomed -> ended
///        |                     ^
///        +------- cancelled ---+
///
/// Owner: its queue, together with its JobHandle if there is one. Thread: whoever moved the state to running
/// or ended has the arguments; all else is the queue's.
class Job {
public:
    explicit Job(Priority p, std::uint32_t owners = 1) : priority(p), owners_(owners) {}
    virtual ~Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    /// May throw.
    virtual Answer run(Queue& queue) = 0;
    /// It threw, or ends unrun: the error is its result.
    virtual void failed(Error) {}
    /// After its end: hands the result on and gives up the node. False: not yet, try again soon.
    virtual bool finish() = 0;
    /// The arguments die.
    virtual void discard() = 0;
    /// The type of its code, for logs.
    virtual const char* name() const = 0;

    /// waiting -> running. False: it was cancelled, and is an empty shell.
    bool begin() { return moves(State::waiting, State::running); }
    /// running -> waiting, for another run. False: it was cancelled meanwhile.
    bool rest() { return moves(State::running, State::waiting); }
    void end() { state_.store(State::ended, std::memory_order_release); }
    /// True: it had not begun, and never will; the arguments are the caller's. Thread: any that holds a
    /// handle.
    bool cancel() {
        for (;;) {
            if (moves(State::waiting, State::ended)) return true;
            if (moves(State::running, State::doomed)) return false;
            const auto now = state_.load(std::memory_order_acquire);
            if (now == State::doomed || now == State::ended) return false;
        }
    }
    /// One owner less; the last one frees it.
    void release() {
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    const Priority priority;
    bool is_delivering = false;  ///< ended; only its result waits to be taken
    core::TimePoint since;       ///< waits since then
    Job* next = nullptr;

    bool is_cancelled() const { return state_.load(std::memory_order_acquire) == State::ended; }

private:
    enum class State : std::uint8_t { waiting, running, doomed, ended };
    bool moves(State from, State to) {
        return state_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
    }

    std::atomic<State> state_ = State::waiting;
    std::atomic<std::uint32_t> owners_;
};

}  // namespace penstock::proc
