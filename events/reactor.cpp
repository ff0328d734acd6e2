// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/events/accept_balance.hpp>
#include <penstock/events/backend/simulated_reactor.hpp>
#include <penstock/events/backends.hpp>
#include <penstock/events/cpus.hpp>
#include <penstock/events/detail/file_thread.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/signal.hpp>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include <pthread.h>

namespace penstock::events {
namespace {

constexpr std::chrono::hours long_wait{1};

void pin_to(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

Result<MadeBackend> backend_of(const ReactorSettings& settings) {
    if (settings.make_backend == nullptr) return make_backend(settings.backend);
    auto out = settings.make_backend();
    if (auto started = out->start(); !started) return fail(started);
    return MadeBackend{std::move(out), {}};
}

}  // namespace

struct Reactor::State {
    /// One worker's thread, and what others may read of it. In a simulation there is no thread.
    struct Host final : SimulatedReactor::Service {
        explicit Host(State& s) : state(s) {}
        std::optional<TimePoint> over_at(const Worker& worker) const override;
        void on_over(Worker& worker) override;

        State& state;
        unsigned index = 0;
        int cpu = 0;
        std::thread thread;
        WorkerGauges gauges;
        Inbox* inbox = nullptr;  // known before any set-up runs
        std::uint32_t epoch = 0;
        // The worker's own:
        bool drains = false;
        TimePoint cut_at;
        const Worker* simulated = nullptr;  // while it serves
        std::size_t to_drain = 0;
        Stopped stopped;
    };
    /// Rides in the reply lane: a stop is never refused.
    struct Stop final : Reply {
        Stop(Host& h, std::chrono::nanoseconds d) : host(h), deadline(d) { run = &execute; }
        static void execute(Reply& reply, Worker* worker);
        Host& host;
        std::chrono::nanoseconds deadline;
    };
    /// Ends a wait.
    struct Nudge final : Reply {
        Nudge() { run = &execute; }
        static void execute(Reply& reply, Worker*) { delete static_cast<Nudge*>(&reply); }
    };

    explicit State(Reactor& r) : reactor(r) {}
    void main(Host& host, const SetUp& set_up);
    Result<std::unique_ptr<Worker>> make_worker(Host& host);
    void prepare(Host& host, Worker& worker);
    Result<void> start_simulated(const SetUp& set_up);
    void serve(Host& host, Worker& worker);
    void one_has_drained();
    bool have_all_drained() const;
    /// Waits until all threads have come so far; false when one has failed.
    struct Phase {
        std::size_t count = 0;
        bool has_failed = false;
    };
    bool meet(Phase& phase, Result<void> outcome);
    void send_stop(std::chrono::nanoseconds deadline);
    Stopped join();

    Reactor& reactor;
    ReactorSettings settings;
    std::unique_ptr<core::Logger> own_logger;
    core::Logger* logger = nullptr;
    core::SystemClock clock;
    core::KernelRandom random;
    std::optional<AcceptBalance> balance;  // of these hosts
    std::map<std::size_t, const void*> lent;
    std::map<std::size_t, std::shared_ptr<const void>> lent_shared;
    detail::FileThread files;  // of events::File; lent like what users lend

    mutable std::mutex lock;  // of all below, and of lent_shared
    std::condition_variable changed;
    std::vector<std::unique_ptr<Host>> hosts;
    std::atomic<std::size_t> serving{0};  // workers that have not drained
    Phase made, set_up_done;
    std::size_t ended = 0;
    Error first_error;

    std::unique_ptr<SimulatedReactor> simulated;  // instead of threads
};

Reactor::Reactor(ReactorSettings settings) : state_(std::make_unique<State>(*this)) {
    state_->logger = settings.logger;
    if (settings.logger == nullptr) {
        state_->own_logger = std::make_unique<core::Logger>();
        state_->logger = state_->own_logger.get();
    }
    state_->settings = std::move(settings);
    if (auto* simulation = state_->settings.simulation)
        state_->simulated = std::make_unique<SimulatedReactor>(*simulation);
    else
        lend(state_->files);  // in a simulation files are read and written inline
}

Reactor::Reactor(Simulation& simulation, ReactorSettings settings)
    : Reactor([&] {
          settings.simulation = &simulation;
          return std::move(settings);
      }()) {}

Reactor::~Reactor() { stop(std::chrono::nanoseconds(0)); }

core::Logger& Reactor::logger() { return *state_->logger; }

void Reactor::State::Stop::execute(Reply& reply, Worker* worker) {
    const std::unique_ptr<Stop> stop(static_cast<Stop*>(&reply));
    if (worker == nullptr) return;
    auto& host = stop->host;
    const auto cut_at = worker->in(stop->deadline);
    if (std::exchange(host.drains, true)) {
        host.cut_at = std::min(host.cut_at, cut_at);
        return;
    }
    host.cut_at = cut_at;
    host.to_drain = worker->sockets();
    worker->drain();
}

Result<std::unique_ptr<Worker>> Reactor::State::make_worker(Host& host) {
    auto backend = backend_of(settings);
    if (!backend) return fail(backend);
    auto& log = logger->open("worker " + std::to_string(host.index), clock);
    if (backend->missing) log.warn("no io_uring here, using epoll", {"why", backend->missing});
    auto worker = std::make_unique<Worker>(Worker::Parts{
        .index = host.index,
        .reactor = &reactor,
        .backend = std::move(backend->backend),
        .clock = &clock,
        .random = &random,
        .log = &log,
        .gauges = &host.gauges,
        .stall_limit = settings.stall_limit,
        .has_thread = true,
    });
    prepare(host, *worker);
    return worker;
}

void Reactor::State::prepare(Host& host, Worker& worker) {
    if (balance) worker.balance(&*balance);
    const std::lock_guard held(lock);
    host.inbox = &worker.inbox();
    host.epoch = worker.inbox().epoch();
    for (const auto& [type, object] : lent) worker.lend_index(type, object);
    for (const auto& [type, object] : lent_shared)  // held by the worker too: a later one replaces it there
        worker.lend_shared(type, std::make_shared<const Shared>(Shared{object}));
}

namespace {

Result<void> guarded_set_up(Worker& worker, const std::function<Result<void>(Worker&)>& set_up) {
    const core::Home::Entered entered(&worker);
    try {
        return set_up(worker);
    } catch (...) {
        worker.caught("set-up");
        return fail(Error::os(EFAULT, "the set-up threw"));
    }
}

}  // namespace

Result<void> Reactor::State::start_simulated(const SetUp& set_up) {
    std::vector<Worker*> workers;
    for (auto& host : hosts) {
        workers.push_back(&simulated->add(
            {.index = host->index, .reactor = &reactor, .backend = nullptr, .gauges = &host->gauges},
            settings.logger, *host));
        prepare(*host, *workers.back());
        host->simulated = workers.back();
    }
    for (auto* worker : workers) {
        if (auto outcome = guarded_set_up(*worker, set_up); !outcome) {
            simulated->drop();
            ended = hosts.size();
            return outcome;
        }
    }
    simulated->serve();
    return {};
}

std::optional<TimePoint> Reactor::State::Host::over_at(const Worker& worker) const {
    if (!drains) return {};
    return state.have_all_drained() ? worker.now() : cut_at;
}

/// In a simulation: nothing is on its way between workers either.
bool Reactor::State::have_all_drained() const {
    return std::ranges::all_of(hosts, [](const auto& host) {
        const auto* worker = host->simulated;
        return worker == nullptr || (host->drains && worker->is_drained() && !worker->has_messages());
    });
}

void Reactor::State::Host::on_over(Worker& worker) {
    simulated = nullptr;
    const auto count = worker.cut();
    stopped = {to_drain - std::min(count, to_drain), count};
    ++state.ended;
}

bool Reactor::State::meet(Phase& phase, Result<void> outcome) {
    std::unique_lock held(lock);
    if (!outcome && !first_error) first_error = outcome.error();
    phase.has_failed = phase.has_failed || !outcome;
    ++phase.count;
    changed.notify_all();
    changed.wait(held, [&] { return phase.count == hosts.size(); });
    return !phase.has_failed;  // of this phase: another worker may be in the next one already
}

void Reactor::State::main(Host& host, const SetUp& set_up) {
    const auto thread_name = "worker " + std::to_string(host.index);
    ::pthread_setname_np(::pthread_self(), thread_name.c_str());
    Signals::block({SIGPIPE});
    if (settings.pin) pin_to(host.cpu);
    auto worker = make_worker(host);
    if (meet(made, worker ? Result<void>() : fail(worker))) {
        if (meet(set_up_done, guarded_set_up(**worker, set_up))) serve(host, **worker);
    }
    if (worker) {
        auto& log = (*worker)->log();
        worker->reset();
        logger->close(log);
    }
    const std::lock_guard held(lock);
    ++ended;
    changed.notify_all();
}

void Reactor::State::serve(Host& host, Worker& worker) {
    while (!host.drains) worker.turn(long_wait);
    // One that has drained waits for the others: they may have sent it a connection. And the signals, of
    // which the second one cuts, are worker 0's.
    bool has_drained = false;
    for (; worker.now() < host.cut_at; worker.turn(host.cut_at - worker.now())) {
        if (!worker.is_drained()) continue;
        if (!std::exchange(has_drained, true)) one_has_drained();
        if (serving == 0 && !worker.has_messages() && worker.is_drained()) break;
    }
    if (!has_drained) one_has_drained();
    const auto cut = worker.cut();
    host.stopped = {host.to_drain - std::min(cut, host.to_drain), cut};
}

void Reactor::State::one_has_drained() {
    if (--serving > 0) return;
    const std::lock_guard held(lock);
    for (auto& host : hosts) host->inbox->reply(host->epoch, *new Nudge());
}

Result<void> Reactor::start_set_up(SetUp set_up) {
    auto& state = *state_;
    PENSTOCK_ASSERT(state.ended ==
                    state.hosts.size());  // a stopped one may be started again, a running one not
    state.join();
    CpuPlan plan;
    if (state.simulated) {
        plan.cpus.assign(std::max(state.settings.workers, 1u), -1);
    } else {
        plan = plan_cpus(state.settings.workers);
        auto& log = state.logger->open("reactor", state.clock);
        log.info("starting", {"workers", plan.cpus.size()}, {"why", plan.why});
        state.logger->close(log);
    }
    std::vector<std::unique_ptr<State::Host>> hosts;
    for (const int cpu : plan.cpus) {
        auto host = std::make_unique<State::Host>(state);
        host->index = static_cast<unsigned>(hosts.size());
        host->cpu = cpu;
        hosts.push_back(std::move(host));
    }
    const auto shared = std::make_shared<const SetUp>(std::move(set_up));
    {
        std::unique_lock held(state.lock);  // no worker gets far before all have started
        state.made = state.set_up_done = {};
        state.ended = 0;
        state.first_error = {};
        state.hosts = std::move(hosts);
        state.serving = state.hosts.size();
        std::vector<WorkerGauges*> gauges;
        for (auto& host : state.hosts) gauges.push_back(&host->gauges);
        state.balance.reset();
        if (state.settings.balance && gauges.size() > 1) state.balance.emplace(std::move(gauges));
        if (state.simulated) {
            held.unlock();
            return state.start_simulated(*shared);
        }
        std::size_t started = 0;
        try {
            for (auto& host : state.hosts) {
                host->thread = std::thread([&state, at = host.get(), shared] { state.main(*at, *shared); });
                ++started;
            }
        } catch (const std::system_error& refused) {
            state.first_error = Error::os(refused.code().value(), "start a worker's thread");
            state.hosts.resize(started);
        }
        state.changed.wait(held, [&] {
            return state.set_up_done.count == state.hosts.size() || state.ended == state.hosts.size();
        });
        if (!state.first_error) return {};
    }
    wait();
    return fail(state.first_error);
}

void Reactor::State::send_stop(std::chrono::nanoseconds deadline) {
    const std::lock_guard held(lock);
    for (auto& host : hosts)
        if (host->inbox != nullptr) host->inbox->reply(host->epoch, *new Stop(*host, deadline));
}

Stopped Reactor::State::join() {
    Stopped out;
    for (auto& host : hosts) {
        if (host->thread.joinable()) host->thread.join();
        out.drained += host->stopped.drained;
        out.cut += host->stopped.cut;
    }
    files.stop();  // only now: the workers' last files are closed there
    return out;
}

void Reactor::stop_soon(std::chrono::nanoseconds deadline) { state_->send_stop(deadline); }

Stopped Reactor::stop(std::chrono::nanoseconds deadline) {
    stop_soon(deadline);
    if (!state_->simulated) return wait();
    PENSTOCK_ASSERT(Worker::current() == nullptr);
    state_->simulated->finish(deadline);
    return state_->join();
}

Stopped Reactor::wait() {
    PENSTOCK_ASSERT(Worker::current() == nullptr);  // a worker cannot wait for itself: stop_soon
    if (state_->simulated) {
        state_->simulated->wait();
        return state_->join();
    }
    std::unique_lock held(state_->lock);
    state_->changed.wait(held, [&] { return state_->ended == state_->hosts.size(); });
    return state_->join();
}

namespace {

/// SIGINT and SIGTERM belong to worker 0 while a `run` lasts.
class BlockedSignals {
public:
    BlockedSignals() {
        ::pthread_sigmask(SIG_BLOCK, nullptr, &before_);
        Signals::block({SIGINT, SIGTERM});
    }
    /// One that came too late to be heard was meant for this run: it does not end the process now.
    ~BlockedSignals() {
        sigset_t ours;
        ::sigemptyset(&ours);
        for (const int number : {SIGINT, SIGTERM})
            if (::sigismember(&before_, number) == 0) ::sigaddset(&ours, number);
        const timespec at_once{};
        while (::sigtimedwait(&ours, nullptr, &at_once) > 0) {
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;

private:
    sigset_t before_;
};

Result<void> listen_to_signals(Worker& worker, std::move_only_function<void(int)> on_signal) {
    auto signals = std::make_unique<Signals>(worker, std::move(on_signal));
    if (auto started = signals->start({SIGINT, SIGTERM}); !started) return started;
    std::ignore = signals.release();  // the worker's from here on
    return {};
}

}  // namespace

int Reactor::run_set_up(SetUp set_up) {
    const BlockedSignals blocked;
    const auto started = start_set_up([this, set_up = std::move(set_up)](Worker& worker) -> Result<void> {
        if (auto outcome = set_up(worker); !outcome || worker.index() != 0) return outcome;
        return listen_to_signals(worker, [this, first = true](int) mutable {
            stop_soon(std::exchange(first, false) ? std::chrono::nanoseconds(drain_deadline)
                                                  : std::chrono::nanoseconds(0));
        });
    });
    if (!started) return complain(started.error());
    wait();
    return 0;
}

int Reactor::run_program(std::function<Task<int>(Worker&)> program) {
    const BlockedSignals blocked;
    constexpr int interrupted = 130;
    int answer = 1;
    // A coroutine's captures must outlive it: the program's are in `program`, this frame's are parameters.
    auto body = [](Reactor& reactor, std::function<Task<int>(Worker&)>& run, Worker& worker,
                   int& out) -> Task<> {
        try {
            out = co_await run(worker);
        } catch (const std::exception& thrown) {
            std::fprintf(stderr, "error: %s\n", thrown.what());
        } catch (...) {
            std::fprintf(stderr, "error: the program threw\n");
        }
        reactor.stop_soon(std::chrono::seconds(1));
    };
    const auto started = start_set_up([&](Worker& worker) -> Result<void> {
        if (worker.index() != 0) return {};
        worker.spawn(body(*this, program, worker, answer));
        return listen_to_signals(worker, [&](int) {
            answer = interrupted;
            worker.end_tasks();  // before their sockets do: nobody hears of an end that we make
            stop_soon(std::chrono::nanoseconds(0));
        });
    });
    if (!started) return complain(started.error());
    wait();
    return answer;
}

void Reactor::lend_index(std::size_t type, const void* object) { state_->lent[type] = object; }

void Reactor::lend_shared(std::size_t type, std::shared_ptr<const void> object) {
    {
        const std::lock_guard held(state_->lock);
        state_->lent_shared[type] = object;
    }
    // Before start nobody listens; later each worker swaps it between two messages, and keeps it alive
    // itself.
    auto swap = [](Worker& worker, std::size_t index, std::shared_ptr<const Shared> held) {
        worker.lend_shared(index, std::move(held));
    };
    std::ignore = post_all(swap, type, std::make_shared<const Shared>(Shared{std::move(object)}));
}

unsigned Reactor::workers() const {
    const std::lock_guard held(state_->lock);
    return static_cast<unsigned>(state_->hosts.size());
}

std::size_t Reactor::rebalance() {
    struct Held {
        unsigned index;
        std::size_t sockets;
    };
    std::vector<Held> held;
    std::size_t all = 0;
    for (unsigned i = 0; i < workers(); ++i) {
        held.push_back({i, status(i).sockets});
        all += held.back().sockets;
    }
    const auto mean = held.empty() ? 0 : all / held.size();
    const auto slack = std::max(AcceptBalance::slack_min, mean / AcceptBalance::slack_divisor);
    std::size_t asked = 0;
    for (auto& from : held) {
        for (auto& to : held) {
            if (from.sockets <= mean + slack || to.sockets >= mean) continue;
            const auto count = std::min(from.sockets - mean, mean - to.sockets);
            auto move = [](Worker& here, std::size_t most, Remote<Worker> target) {
                here.move_away(most, target);
            };
            if (worker(from.index).post(move, count, worker(to.index)) != Posted::ok) continue;
            from.sockets -= count;
            to.sockets += count;
            asked += count;
        }
    }
    return asked;
}

Remote<Worker> Reactor::worker(unsigned index) {
    const std::lock_guard held(state_->lock);
    PENSTOCK_ASSERT(index < state_->hosts.size());
    auto& host = *state_->hosts[index];
    if (host.inbox == nullptr) return {};
    return {*host.inbox, host.epoch, {}};
}

unsigned Reactor::least_loaded_index() const {
    const std::lock_guard held(state_->lock);
    PENSTOCK_ASSERT(!state_->hosts.empty());
    const auto least = std::ranges::min_element(state_->hosts, {}, [](const auto& host) {
        return std::pair(host->gauges.load.load(std::memory_order_relaxed),
                         host->gauges.sockets.load(std::memory_order_relaxed));
    });
    return (*least)->index;
}

Reactor::WorkerStatus Reactor::status(unsigned index) const {
    const std::lock_guard held(state_->lock);
    PENSTOCK_ASSERT(index < state_->hosts.size());
    const auto& host = *state_->hosts[index];
    const auto& gauges = host.gauges;
    return {host.cpu, gauges.sockets.load(std::memory_order_relaxed),
            gauges.load.load(std::memory_order_relaxed), gauges.stall_counts.stalls.value(),
            gauges.stall_counts.turns_ns.counts()};
}

}  // namespace penstock::events
