// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/clock.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/backends.hpp>
#include <penstock/events/signal.hpp>
#include <penstock/events/worker.hpp>

#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <utility>

namespace penstock::test {

/// A clock that the test turns.
class HandClock final : public core::Clock {
public:
    core::TimePoint now() const override { return now_; }
    core::WallTime wall() const override { return core::WallTime(now_.time_since_epoch()); }
    void pass(std::chrono::nanoseconds time) { now_ += time; }

private:
    core::TimePoint now_{std::chrono::hours(1)};
};

/// The backend of PENSTOCK_BACKEND, started.
inline std::unique_ptr<events::Backend> system_backend() {
    auto take = [](auto made) -> std::unique_ptr<events::Backend> {
        if constexpr (requires { made.backend; })
            return std::move(made.backend);
        else
            return made;
    };
    auto made = events::make_backend("auto");
    if (!made) throw std::runtime_error(made.error().message());
    return take(std::move(*made));
}

/// A worker that the test turns by hand, in its own thread, on the system's descriptors.
class HandWorker {
public:
    struct Options {
        std::unique_ptr<events::Backend> backend = system_backend();
        const core::Clock* clock = nullptr;  ///< null: the system's
        core::LogSettings log{.level = core::LogLevel::warn};
    };
    HandWorker() : HandWorker(Options()) {}
    explicit HandWorker(Options options) : logger_(options.log) {
        events::Signals::block({SIGPIPE});
        const core::Clock& clock = options.clock != nullptr ? *options.clock : system_clock_;
        worker_ = std::make_unique<Worker>(Worker::Parts{.backend = std::move(options.backend),
                                                         .clock = &clock,
                                                         .random = &random_,
                                                         .log = &logger_.open("by hand", clock),
                                                         .gauges = &gauges_});
    }

    Worker& operator*() const { return *worker_; }
    Worker* operator->() const { return worker_.get(); }
    core::Logger& logger() { return logger_; }
    /// While it lives, the test is on this worker.
    core::Home::Entered enter() const { return core::Home::Entered(worker_.get()); }

    void turn() { worker_->turn(std::chrono::nanoseconds(0)); }
    /// Until the condition holds; false: it did not within 20 s.
    template <class F>
    bool turn_until(F condition) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > until) return false;
            worker_->turn(std::chrono::milliseconds(20));
        }
        return true;
    }
    /// Until there is nothing left to do; false: it does not come to rest.
    bool comes_to_rest() {
        for (int turns = 0; turns < 1000; ++turns) {
            turn();
            if (!worker_->has_work()) return true;
        }
        return false;
    }
    /// Ends it now, as a stop does.
    void stop() { worker_.reset(); }

private:
    core::SystemClock system_clock_;
    core::KernelRandom random_;
    core::Logger logger_;
    events::WorkerGauges gauges_;
    std::unique_ptr<Worker> worker_;
};

}  // namespace penstock::test
