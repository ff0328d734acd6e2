// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/logger.hpp>
#include <penstock/core/random.hpp>
#include <penstock/core/version.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/node/detail/queue_start.hpp>
#include <penstock/node/detail/settings.hpp>
#include <penstock/node/detail/signals.hpp>
#include <penstock/node/detail/site.hpp>
#include <penstock/node/node.hpp>
#include <penstock/node/settings.hpp>
#include <penstock/node/state_folder.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <thread>
#include <vector>

namespace penstock::node {
namespace {

constexpr std::chrono::milliseconds drain_poll{10};
/// Listeners need some turns to take what waits in their queues; nobody counts those connections before.
constexpr std::chrono::milliseconds drain_time_min{20};

const char* const not_started = "the node could not start";

}  // namespace

struct Node::State {
    /// Waits that long; true: don't wait for anything any more.
    using Impatience = std::function<bool(std::chrono::nanoseconds)>;

    Done<void> read_command_line();
    Done<void> prepare();
    Done<void> start();
    Done<void> open_logger();
    Done<void> probe_addresses();
    Done<void> start_workers();
    void log_start();
    bool is_simulated() const { return simulation != nullptr; }
    const core::Clock& clock() const { return is_simulated() ? simulation->clock() : system_clock; }
    core::Random& random() { return is_simulated() ? simulation->random() : kernel_random; }
    core::Logger* logger() {
        return own_logger ? &*own_logger : is_simulated() ? simulation->logger() : nullptr;
    }
    /// Calls f(log) with a log of the node itself, if there is one.
    template <class F>
    void with_log(F f) {
        if (logger() == nullptr) return;
        auto& log = logger()->open("node", clock());
        f(log);
        logger()->close(log);
    }
    void drain(core::TimePoint cut_at, const Impatience& impatient);
    std::size_t connections() const;

    int argc = 0;
    char** argv = nullptr;  ///< null: the options are there
    Options options;
    std::vector<QueueSetUp> queue_set_ups;
    std::vector<core::SettingsSection> sections;
    std::vector<std::function<void(Reactor&)>> lends;

    std::string problem;
    std::optional<int> answer;  ///< of the command line: the program ends
    std::string state_folder;
    events::Simulation* simulation = nullptr;
    const core::SystemClock system_clock;
    core::KernelRandom kernel_random;
    std::size_t drained = 0;  ///< connections that ended by themselves
    bool is_started = false;
    // From the last to be destroyed to the first:
    std::optional<core::Logger> own_logger;
    Site site;
    std::optional<proc::Processor> processor;
    std::optional<Reactor> reactor;
};

Node::Node(int argc, char** argv) : state_(std::make_unique<State>()) {
    state_->argc = argc;
    state_->argv = argv;
}

Node::Node(Options options) : state_(std::make_unique<State>()) { state_->options = std::move(options); }

Node::Node(events::Simulation& simulation, Options options) : Node(std::move(options)) {
    state_->simulation = &simulation;
}

Node::~Node() { stop(std::chrono::nanoseconds(0)); }

Node& Node::add_routes(BuildRoutes build) {
    state_->site.routes.push_back(std::move(build));
    return *this;
}

Node& Node::add_channels(BuildChannels build) {
    state_->site.channels.push_back(std::move(build));
    return *this;
}

Node& Node::add_worker_set_up(WorkerSetUp set_up) {
    state_->site.worker_set_ups.push_back(std::move(set_up));
    return *this;
}

Node& Node::add_queue_set_up(QueueSetUp set_up) {
    state_->queue_set_ups.push_back(std::move(set_up));
    return *this;
}

Node& Node::add_settings(core::SettingsSection section, std::function<void(Reactor&)> lend) {
    state_->sections.push_back(section);
    state_->lends.push_back(std::move(lend));
    return *this;
}

const std::string& Node::problem() const { return state_->problem; }
const std::string& Node::state_folder() const { return state_->state_folder; }

Address Node::address() const {
    PENSTOCK_ASSERT(state_->is_started);
    return state_->site.bound().routes;
}

Address Node::admin_address() const {
    PENSTOCK_ASSERT(state_->is_started);
    return state_->site.bound().admin;
}

const NodeId& Node::id() const {
    PENSTOCK_ASSERT(state_->is_started);
    return state_->site.stream.id();
}

Done<void> Node::State::read_command_line() {
    if (argv == nullptr) return {};
    auto parsed = parse_options(argc, argv);
    if (!parsed) {
        answer = parsed.error();
        return std::unexpected("the command line");
    }
    options = std::move(*parsed);
    return {};
}

/// All that needs no thread: command line, settings, folder, keys, log, ports.
Done<void> Node::State::prepare() {
    if (auto read = read_command_line(); !read) return read;
    auto& settings = site.settings;
    if (auto loaded = settings.load(options, sections); !loaded) return loaded;
    if (!is_simulated() || !settings.node.state.empty()) {
        auto folder = open_state_folder(settings.node.state);
        if (!folder) return std::unexpected(folder.error());
        state_folder = *folder;
    }
    if (auto loaded = site.stream.load(settings, state_folder, random()); !loaded) return loaded;
    if (is_simulated()) return {};
    if (auto opened = open_logger(); !opened) return opened;
    return probe_addresses();
}

Done<void> Node::State::open_logger() {
    const auto& settings = site.settings;
    own_logger.emplace(core::LogSettings{.level = settings.log_level,
                                         .file = settings.log.file,
                                         .file_bytes_max = settings.log.file_bytes_max,
                                         .old_files_max = settings.log.old_files_max});
    if (const auto opened = own_logger->start(); !opened)
        return std::unexpected(settings.origin("log.file", settings.log.file) + ": " +
                               opened.error().message() + "; choose another file");
    return {};
}

Done<void> Node::State::probe_addresses() {
    const auto& settings = site.settings;
    if (const auto free = events::Listener::probe(settings.listen); !free)
        return std::unexpected(
            listen_problem(settings.listen, free.error(), "--listen ADDR:PORT or node.listen"));
    if (!settings.admin_listen) return {};
    if (const auto free = events::Listener::probe(*settings.admin_listen); !free)
        return std::unexpected(listen_problem(*settings.admin_listen, free.error(), "admin.listen"));
    return {};
}

Done<void> Node::State::start_workers() {
    auto& settings = site.settings;
    auto& jobs = settings.processor;
    if (jobs.queues == 0) jobs.queues = settings.node.workers;  // 0: then both find the same number
    jobs.logger = logger();
    processor.emplace(jobs);
    if (const auto begun = is_simulated() ? processor->start(*simulation) : processor->start(); !begun)
        return std::unexpected("the processor cannot start: " + begun.error().message());
    if (auto ready = set_up_queues(*processor, queue_set_ups, is_simulated()); !ready) return ready;
    reactor.emplace(events::ReactorSettings{.workers = settings.node.workers,
                                            .backend = settings.events.backend,
                                            .pin = settings.events.pin,
                                            .balance = settings.events.balance,
                                            .stall_limit = settings.events.stall_limit,
                                            .logger = logger(),
                                            .simulation = simulation});
    reactor->lend(*processor);
    reactor->lend(site);
    auto keys = site.stream.keys(clock().wall());
    if (!keys) return std::unexpected(keys.error());
    reactor->lend(std::move(*keys));
    auto known = settings.node;
    known.state = state_folder;
    reactor->lend(std::make_shared<const NodeSettings>(std::move(known)));
    for (const auto& lend : lends) lend(*reactor);
    site.up_since = clock().now();
    const auto begun = reactor->start([](Worker& worker) { return worker.local<Site>().set_up(worker); });
    if (begun) return {};
    const auto told = site.problem();
    return std::unexpected(told.empty() ? begun.error().message() : told);
}

Done<void> Node::State::start() {
    if (auto prepared = prepare(); !prepared) return prepared;
    if (auto begun = start_workers(); !begun) {
        reactor.reset();
        processor.reset();
        return begun;
    }
    is_started = true;
    log_start();
    return {};
}

void Node::State::log_start() {
    with_log([&](Log& log) {
        const auto& bound = site.bound();
        log.info("listening", {"on", bound.routes}, {"node", site.stream.id()}, {"version", core::version()},
                 {"state", state_folder});
        if (!bound.admin.empty()) log.info("admin pages", {"on", bound.admin});
    });
}

std::size_t Node::State::connections() const {
    std::size_t out = 0;
    for (unsigned i = 0; i < reactor->workers(); ++i) out += reactor->status(i).sockets;
    return out;
}

/// The part of a stop before the workers end: listeners, connections, processor.
void Node::State::drain(core::TimePoint cut_at, const Impatience& impatient) {
    with_log([&](Log& log) {
        log.info("draining", {"connections", connections()},
                 {"at_most", std::chrono::ceil<core::Milliseconds>(cut_at - clock().now())});
    });
    const auto before = connections();
    site.is_draining = true;
    bool waits = cut_at > clock().now();
    auto posted = reactor->post_all([](Worker& worker) { worker.drain(); });
    const auto least = clock().now() + drain_time_min;
    while (waits && clock().now() < cut_at && posted != Posted::stopped &&
           (posted == Posted::full || connections() > 0 || clock().now() < least)) {
        waits = !impatient(drain_poll);
        if (posted == Posted::full) posted = reactor->post_all([](Worker& worker) { worker.drain(); });
    }
    const auto left = connections();
    drained = before - std::min(left, before);
    with_log([&](Log& log) { log.info("drained", {"connections", drained}, {"cut", left}); });
}

Result<void> Node::start() {
    PENSTOCK_ASSERT(!state_->reactor);  // a Node is started once
    auto begun = state_->start();
    if (begun) return {};
    state_->problem = std::move(begun.error());
    return fail(Error(core::Domain::settings, 1, not_started));
}

events::Stopped Node::stop(std::chrono::nanoseconds deadline) {
    if (!std::exchange(state_->is_started, false)) return {};
    const auto cut_at = state_->clock().now() + deadline;
    state_->drain(cut_at, [this](std::chrono::nanoseconds time) {
        if (state_->is_simulated())
            state_->simulation->run_for(time);
        else
            std::this_thread::sleep_for(time);
        return false;
    });
    state_->processor->stop(std::max<std::chrono::nanoseconds>(cut_at - state_->clock().now(), {}));
    auto out = state_->reactor->stop(std::chrono::nanoseconds(0));
    out.drained = state_->drained;
    return out;
}

int Node::run() {
    PENSTOCK_ASSERT(!state_->is_simulated());
    StopSignals signals;
    if (!start()) {
        if (state_->answer) return *state_->answer;
        std::fprintf(stderr, "error: %s\n", state_->problem.c_str());
        return 1;
    }
    signals.start([this, &signals] {
        auto& state = *state_;
        const auto cut_at = state.clock().now() + state.site.settings.node.drain_time_max;
        bool is_cut = false;
        state.drain(cut_at, [&](std::chrono::nanoseconds time) { return is_cut = signals.another(time); });
        signals.let_through();  // a job that does not end can't hold us for ever
        state.processor->stop(is_cut ? std::chrono::nanoseconds(0)
                                     : std::max<std::chrono::nanoseconds>(cut_at - state.clock().now(), {}));
        state.reactor->stop_soon(std::chrono::nanoseconds(0));
    });
    state_->reactor->wait();
    state_->is_started = false;
    return 0;
}

}  // namespace penstock::node
