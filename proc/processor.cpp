// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/cpus.hpp>
#include <penstock/proc/detail/runner.hpp>
#include <penstock/proc/detail/thread.hpp>
#include <penstock/proc/detail/watch.hpp>
#include <penstock/proc/processor.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace penstock::proc {
namespace {

constexpr std::chrono::hours deadline_max{24 * 365};

}  // namespace

struct Processor::State {
    struct Simulated;
    /// One queue, from the first start on; other threads find it here.
    struct Host {
        Host(unsigned i, int c, std::uint32_t jobs_max)
            : index(i), cpu(c), intake(std::make_shared<Intake>(jobs_max)) {}
        const unsigned index;
        const int cpu;
        const std::shared_ptr<Intake> intake;
        detail::Counters counters;
        std::uint64_t ended_before = 0, cut_before = 0;  // when the stop began
        Log* log = nullptr;
        std::thread thread;
        std::unique_ptr<detail::Runner> runner;  // inline: else it is the thread's
        std::unique_ptr<Simulated> simulated;
    };
    /// One queue, as the scheduler of a simulation sees it.
    struct Simulated final : events::Participant {
        Simulated(Processor& p, Host& h) : processor(p), host(h) {}
        std::optional<core::TimePoint> next_due() const override { return host.runner->next_due(); }
        void step() override { processor.step(host.index); }
        Processor& processor;
        Host& host;
    };

    explicit State(ProcessorSettings s) : settings(s) {}
    void open(const core::Clock& c);
    detail::Runner::Parts parts(Host& host);
    Result<void> start_threads();
    void main(Host& host);
    void watch_all();
    void check(Host& host) { watch->check(host.index, status(host)); }
    void finish_inline(Host& host);
    Log& open_log(const std::string& name);
    void close_log(Log& closed);
    void stop_watching();
    QueueStatus status(const Host& host) const;

    const ProcessorSettings settings;
    std::unique_ptr<core::Logger> own_logger;
    core::Logger* logger = nullptr;
    const core::SystemClock system_clock;
    const core::Clock* clock = &system_clock;
    std::vector<std::unique_ptr<Host>> hosts;
    std::atomic<unsigned> next_host = 0;  // for those that are no workers, among equals
    bool is_started = false, is_inline = false;
    events::Simulation* simulation = nullptr;
    Log no_log;

    Log* log = nullptr;
    std::optional<detail::Watch> watch;
    std::thread watcher;
    std::mutex lock;
    std::condition_variable changed;
    bool ends_watch = false;
};

Processor::Processor(ProcessorSettings settings) : state_(std::make_unique<State>(settings)) {
    state_->logger = settings.logger;
}

Processor::~Processor() { stop(std::chrono::nanoseconds(0)); }

/// Hosts are made once: handles, and threads that come late, still find them after a stop.
void Processor::State::open(const core::Clock& c) {
    PENSTOCK_ASSERT(!is_started);  // a stopped one may be started again, a running one not
    if (logger == nullptr && simulation == nullptr) {
        own_logger = std::make_unique<core::Logger>();
        logger = own_logger.get();
    }
    clock = &c;
    log = &open_log("processor");
    if (hosts.empty()) {
        const auto cpus = simulation != nullptr ? std::vector<int>(std::max(settings.queues, 1u), -1)
                                                : events::plan_cpus(settings.queues).cpus;
        for (const int cpu : cpus)
            hosts.push_back(
                std::make_unique<Host>(static_cast<unsigned>(hosts.size()), cpu, settings.jobs_max));
    }
    watch.emplace(settings, hosts.size(), *log);
    for (auto& host : hosts) {
        host->log = &open_log("queue " + std::to_string(host->index));
        host->intake->open(c);
    }
    is_started = true;
}

Log& Processor::State::open_log(const std::string& name) {
    return logger != nullptr ? logger->open(name, *clock) : no_log;
}

void Processor::State::close_log(Log& closed) {
    if (logger != nullptr) logger->close(closed);
}

detail::Runner::Parts Processor::State::parts(Host& host) {
    return {.index = host.index,
            .intake = host.intake.get(),
            .clock = clock,
            .log = host.log,
            .counters = &host.counters,
            .held_warning = settings.held_warning,
            .is_inline = is_inline};
}

void Processor::State::main(Host& host) {
    if (settings.pin) detail::pin_to(host.cpu);
    if (auto lowered = detail::lower_priority(); !lowered)
        host.log->warn("runs at the priority of a worker", {"why", lowered.error()});
    detail::Runner(parts(host)).serve();
}

void Processor::State::watch_all() {
    const auto period = detail::Watch::period(settings);
    std::unique_lock held(lock);
    while (!changed.wait_for(held, period, [this] { return ends_watch; }))
        for (auto& host : hosts) check(*host);
}

Result<void> Processor::State::start_threads() {
    for (auto& host : hosts) {
        auto thread = detail::start_thread("queue " + std::to_string(host->index),
                                           [this, at = host.get()] { main(*at); });
        if (!thread) return fail(thread);
        host->thread = std::move(*thread);
    }
    if (detail::Watch::period(settings).count() == 0) return {};
    ends_watch = false;
    auto thread = detail::start_thread("queue watch", [this] { watch_all(); });
    if (!thread) return fail(thread);
    watcher = std::move(*thread);
    return {};
}

Result<void> Processor::start() {
    state_->is_inline = false;
    state_->simulation = nullptr;
    state_->open(state_->system_clock);
    if (auto started = state_->start_threads(); !started) {
        stop(std::chrono::nanoseconds(0));
        return started;
    }
    return {};
}

Result<void> Processor::start(events::Simulation& simulation) {
    state_->simulation = &simulation;
    if (state_->logger == nullptr) state_->logger = simulation.logger();
    if (auto started = start_inline(simulation.clock()); !started) return started;
    for (auto& host : state_->hosts) {
        host->simulated = std::make_unique<State::Simulated>(*this, *host);
        simulation.join(*host->simulated, "queue " + std::to_string(host->index));
    }
    return {};
}

Result<void> Processor::start_inline(const core::Clock& clock) {
    state_->is_inline = true;
    state_->open(clock);
    for (auto& host : state_->hosts) host->runner = std::make_unique<detail::Runner>(state_->parts(*host));
    return {};
}

void Processor::State::stop_watching() {
    if (!watcher.joinable()) return;
    {
        const std::lock_guard held(lock);
        ends_watch = true;
    }
    changed.notify_one();
    watcher.join();
}

void Processor::State::finish_inline(Host& host) {
    if (host.simulated != nullptr) {
        simulation->leave(*host.simulated);
        host.simulated.reset();
    }
    const core::Home::Entered nowhere(nullptr);
    while (host.runner->step()) {
    }
    host.runner->cut();  // results that found no room: nobody makes some meanwhile
    host.runner.reset();
}

events::Stopped Processor::stop(std::chrono::nanoseconds deadline) {
    auto& state = *state_;
    events::Stopped out;
    if (!state.is_started) return out;
    PENSTOCK_ASSERT(state.is_inline || events::Worker::current() == nullptr);  // it would block the worker
    const auto cut_at = state.clock->now() + std::clamp<std::chrono::nanoseconds>(deadline, {}, deadline_max);
    for (auto& host : state.hosts) {
        host->ended_before = host->counters.ended.value();
        host->cut_before = host->counters.cut.value();
        host->intake->close(cut_at);
    }
    for (auto& host : state.hosts) {
        if (host->thread.joinable())
            host->thread.join();
        else if (host->runner != nullptr)
            state.finish_inline(*host);
        out.drained += host->counters.ended.value() - host->ended_before;
        out.cut += host->counters.cut.value() - host->cut_before;
    }
    state.stop_watching();
    for (auto& host : state.hosts) state.close_log(*host->log);
    state.close_log(*state.log);
    state.is_started = false;
    return out;
}

Place Processor::reserve_beside() {
    auto* worker = events::Worker::current();
    PENSTOCK_ASSERT(worker != nullptr);  // run() answers to a worker: elsewhere, run_then or add
    const auto& hosts = state_->hosts;
    if (hosts.empty()) return Place(Posted::stopped);
    return hosts[worker->index() % hosts.size()]->intake->reserve();
}

/// The fewest jobs; among equals the queue beside this worker, or the next one in turn.
Place Processor::reserve_least_loaded() {
    const auto& hosts = state_->hosts;
    if (hosts.empty()) return Place(Posted::stopped);
    const auto* worker = events::Worker::current();
    const auto first = worker != nullptr  ? worker->index()
                       : hosts.size() > 1 ? state_->next_host.fetch_add(1, std::memory_order_relaxed)
                                          : 0;
    auto* least = hosts[first % hosts.size()]->intake.get();
    auto least_jobs = least->size();
    for (std::size_t i = 1; i < hosts.size() && least_jobs > 0; ++i) {
        auto* other = hosts[(first + i) % hosts.size()]->intake.get();
        if (const auto jobs = other->size(); jobs < least_jobs) {
            least = other;
            least_jobs = jobs;
        }
    }
    return least->reserve();
}

events::Inbox& Processor::current_inbox() { return events::Worker::current()->inbox(); }

unsigned Processor::queues() const { return static_cast<unsigned>(state_->hosts.size()); }

QueueStatus Processor::status(unsigned index) const {
    PENSTOCK_ASSERT(index < queues());
    return state_->status(*state_->hosts[index]);
}

QueueStatus Processor::State::status(const Host& host) const {
    const auto& counters = host.counters;
    QueueStatus out;
    out.cpu = settings.pin && !is_inline ? host.cpu : -1;
    out.jobs = host.intake->size();
    out.run = counters.run.value();
    out.thrown = counters.thrown.value();
    out.cut = counters.cut.value();
    out.waited = counters.waited.counts();
    out.held = counters.held.counts();
    const auto now = clock->now();
    const auto age = [now](std::optional<core::TimePoint> since) {
        return since ? std::max<std::chrono::nanoseconds>(now - *since, std::chrono::nanoseconds(0))
                     : std::chrono::nanoseconds(0);
    };
    out.oldest = std::max(age(counters.oldest.time()), age(host.intake->waiting_since()));
    out.holding = age(counters.running.time());
    return out;
}

bool Processor::step(unsigned index) {
    PENSTOCK_ASSERT(index < queues());
    auto& host = *state_->hosts[index];
    PENSTOCK_ASSERT(host.runner != nullptr);  // started by start_inline
    const core::Home::Entered nowhere(nullptr);
    state_->check(host);
    return host.runner->step();
}

bool Processor::step() {
    bool out = false;
    for (unsigned i = 0; i < queues(); ++i) out = step(i) || out;
    return out;
}

std::optional<core::TimePoint> Processor::next_due() const {
    std::optional<core::TimePoint> out;
    for (const auto& host : state_->hosts) {
        if (host->runner == nullptr) continue;
        const auto due = host->runner->next_due();
        if (due) out = out ? std::min(*out, *due) : *due;
    }
    return out;
}

}  // namespace penstock::proc
