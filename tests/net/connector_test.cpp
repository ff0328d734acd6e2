// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/logger.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/backend/simulated_network.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/connector.hpp>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::events;

namespace {

/// How an address answers a connect; one without a plan is silent.
struct Plan {
    std::chrono::milliseconds after{0};
    int errno_value = 0;
};

/// A backend whose connects go as planned, and that has nothing to read.
class PlannedBackend final : public Backend, public Descriptor::Closer {
public:
    struct Entered final : Entry {
        Descriptor held;
        Operation* operation = nullptr;
        std::optional<TimePoint> due;
        int errno_value = 0;
        bool closed = false;
    };
    PlannedBackend(const VirtualClock& clock, const std::map<Address, Plan>& plans)
        : clock_(clock), plans_(plans) {}

    const char* name() const override { return "planned"; }
    Result<Descriptor> open_stream(const Address& peer) override {
        tried.emplace_back(peer, clock_.now());
        ++open;
        return Descriptor(++last_, Descriptor::Kind::stream, this);
    }
    void close_descriptor(int) noexcept override { --open; }
    Result<Entry*> enter(Descriptor owned, EntryOwner& owner) override {
        auto& made = *entries_.emplace_back(std::make_unique<Entered>());
        made.owner(&owner);
        made.held = std::move(owned);
        return &made;
    }
    bool settle(Entry&) override { return true; }
    Descriptor leave(Entry& entry) override { return std::move(static_cast<Entered&>(entry).held); }
    Result<Address> local_address(const Entry&) const override { return Address(); }
    void arm_accept(Entry&, bool) override {}
    void arm_receive(Entry&, std::size_t) override {}
    void arm_datagrams(Entry&, bool) override {}
    void arm_poll(Entry&, Interest) override {}
    std::optional<Completion> submit(Entry& target, Operation& operation) override {
        auto& entry = static_cast<Entered&>(target);
        if (operation.kind == Operation::Kind::send) return Completion{operation.data.size(), {}};
        entry.operation = &operation;
        if (const auto plan = plans_.find(operation.address); plan != plans_.end()) {
            entry.due = clock_.now() + plan->second.after;
            entry.errno_value = plan->second.errno_value;
        }
        return {};
    }
    void cancel(Operation&) override {}
    Result<void> finish(Entry&) override { return {}; }
    void close(Entry& target, bool) override {
        auto& entry = static_cast<Entered&>(target);
        entry.owner(nullptr);
        entry.held.close();
        entry.closed = true;
    }
    void wait(std::chrono::nanoseconds) override {}
    void dispatch(Completions& completions) override {
        for (std::size_t at = 0; at < entries_.size(); ++at) {
            auto& entry = *entries_[at];
            if (entry.operation == nullptr || !(entry.closed || is_due(entry))) continue;
            auto& operation = *std::exchange(entry.operation, nullptr);
            if (entry.errno_value != 0) operation.done.error = Error::os(entry.errno_value, "connect");
            completions.completed(entry, operation);
        }
    }
    bool has_ready() const override {
        return std::ranges::any_of(entries_, [&](const auto& one) {
            return one->operation != nullptr && (one->closed || is_due(*one));
        });
    }
    void free_closed() override {
        std::erase_if(entries_, [](const auto& one) { return one->closed && one->operation == nullptr; });
    }
    void wake() noexcept override {}
    std::optional<TimePoint> next() const {
        std::optional<TimePoint> out;
        for (const auto& one : entries_)
            if (one->operation != nullptr && one->due && (!out || *one->due < *out)) out = one->due;
        return out;
    }

    std::vector<std::pair<Address, TimePoint>> tried;
    int open = 0;

private:
    bool is_due(const Entered& entry) const { return entry.due && *entry.due <= clock_.now(); }
    const VirtualClock& clock_;
    const std::map<Address, Plan>& plans_;
    std::vector<std::unique_ptr<Entered>> entries_;
    int last_ = 0;
};

/// One worker on such a backend.
struct Bench {
    explicit Bench(std::map<Address, Plan> p) : plans(std::move(p)) {
        auto made = std::make_unique<PlannedBackend>(clock, plans);
        backend = made.get();
        worker = std::make_unique<Worker>(Worker::Parts{.index = 0,
                                                        .reactor = nullptr,
                                                        .backend = std::move(made),
                                                        .clock = &clock,
                                                        .random = &random,
                                                        .log = &log,
                                                        .gauges = &gauges});
    }
    void run_for(std::chrono::nanoseconds time) {
        const auto until = clock.now() + time;
        for (;;) {
            worker->turn(std::chrono::nanoseconds(0));
            if (worker->has_work()) continue;
            auto next = until;
            if (const auto due = worker->next_deadline()) next = std::min(next, *due);
            if (const auto due = backend->next()) next = std::min(next, *due);
            if (clock.now() >= until) return;
            clock.turn_to(std::max(next, clock.now()));
        }
    }
    /// Milliseconds from the start at which each address was tried.
    std::vector<long> tried() const {
        std::vector<long> out;
        for (const auto& [address, at] : backend->tried)
            out.push_back(std::chrono::floor<std::chrono::milliseconds>(at - VirtualClock::start).count());
        return out;
    }

    VirtualClock clock;
    core::SeededRandom random{1};
    core::Log log;
    WorkerGauges gauges;
    const std::map<Address, Plan> plans;
    PlannedBackend* backend = nullptr;
    std::unique_ptr<Worker> worker;
};

constexpr Address a("10.0.0.1:80"), b("10.0.0.2:80"), c("10.0.0.3:80");

struct Outcome {
    int fills = 0, answers = 0;
    Address winner;
    Error error;
    TimePoint at;
};

void run(Bench& bench, net::Connector& connector, std::vector<Address> addresses, Outcome& out) {
    connector.connect(
        std::move(addresses),
        [&out](Pipeline& line) {
            ++out.fills;
            out.winner = line.peer();
        },
        [&out, &bench](Result<void> result) {
            ++out.answers;
            out.at = bench.clock.now();
            if (!result) out.error = result.error();
        });
    CHECK(out.answers == 0);
    bench.run_for(30s);
    CHECK(out.answers == 1);
    CHECK(out.fills == (out.error ? 0 : 1));
    CHECK_FALSE(connector.is_connecting());
    CHECK(bench.backend->open == (out.error ? 0 : 1));  // the others are cut
}

}  // namespace

TEST_CASE("hosts as URLs write them become addresses, names do not yet") {
    using net::addresses_of;
    const auto local = addresses_of("LocalHost", 80);
    REQUIRE(local);
    CHECK(*local == std::vector{Address("127.0.0.1:80"), Address("[::1]:80")});
    CHECK(*addresses_of("10.1.2.3", 65535) == std::vector{Address("10.1.2.3:65535")});
    CHECK(*addresses_of("[fe80::1]", 1) == std::vector{Address("[fe80::1]:1")});
    for (const std::string name : {"", "example.org", "localhost.", "10.1.2", "1.2.3.4.5", "::1", "[::1",
                                   "1.2.3.4:5", "[::1]:5", "010.1.1.1"}) {
        CAPTURE(name);
        const auto none = addresses_of(name, 80);
        REQUIRE_FALSE(none);
        CHECK(none.error().message() == "names are not resolved yet: write an address");
    }
    CHECK_FALSE(addresses_of(std::string(100'000, '1'), 80));
}

TEST_CASE("the first address that answers wins, the next is tried after 250 ms, or at once after a failure") {
    struct Row {
        std::map<Address, Plan> plans;
        std::vector<long> tried;
        Address winner;
    };
    for (const auto& row : std::initializer_list<Row>{
             {{{a, {10ms, 0}}, {b, {0ms, 0}}}, {0}, a},
             {{{a, {249ms, 0}}}, {0}, a},
             {{{b, {10ms, 0}}}, {0, 250}, b},
             {{{a, {300ms, 0}}, {b, {100ms, 0}}}, {0, 250}, a},
             {{{a, {400ms, 0}}, {b, {100ms, 0}}}, {0, 250}, b},
             {{{c, {10ms, 0}}}, {0, 250, 500}, c},
             {{{a, {20ms, ECONNREFUSED}}, {b, {10ms, 0}}}, {0, 20}, b},
             {{{a, {20ms, ECONNREFUSED}}, {c, {10ms, 0}}}, {0, 20, 270}, c},
             {{{b, {20ms, EHOSTUNREACH}}, {c, {10ms, 0}}}, {0, 250, 270}, c},
             {{{a, {4999ms, 0}}}, {0, 250, 500}, a},
         }) {
        Bench bench(row.plans);
        net::Connector connector(*bench.worker);
        Outcome out;
        run(bench, connector, {a, b, c}, out);
        CHECK(out.winner == row.winner);
        REQUIRE(bench.tried().size() == row.tried.size());
        for (std::size_t i = 0; i < row.tried.size(); ++i)
            CHECK(std::abs(bench.tried()[i] - row.tried[i]) <= 1);  // a tick of the timer wheel
    }
}

TEST_CASE("when nobody answers: the error of the first that failed, or the deadline") {
    {
        Bench bench({{a, {5ms, EHOSTUNREACH}}, {b, {5ms, ECONNREFUSED}}});
        net::Connector connector(*bench.worker);
        Outcome out;
        run(bench, connector, {a, b}, out);
        CHECK(out.error == Error::os(EHOSTUNREACH));
    }
    {
        Bench bench({{b, {5ms, ECONNREFUSED}}});
        net::Connector connector(*bench.worker);
        Outcome out;
        run(bench, connector, {a, b}, out);
        CHECK(out.error == Error::os(ETIMEDOUT));
        const auto took = out.at - VirtualClock::start;
        CHECK(took >= 5s);
        CHECK(took < 5s + 1ms);
    }
    {
        Bench bench({{a, {2001ms, 0}}});
        net::Connector connector(*bench.worker, {.time_max = 2s});
        Outcome out;
        run(bench, connector, {a}, out);
        CHECK(out.error == Error::os(ETIMEDOUT));
    }
    Bench bench({});
    net::Connector connector(*bench.worker);
    Outcome out;
    run(bench, connector, {}, out);
    CHECK(out.error == Error::os(EDESTADDRREQ));
}

TEST_CASE("a connector is used again, from its own answer too") {
    Bench bench({{a, {5ms, ECONNREFUSED}}, {b, {5ms, 0}}});
    net::Connector connector(*bench.worker);
    int fills = 0;
    std::vector<bool> answers;
    auto fill = [&](Pipeline&) { ++fills; };
    connector.connect({a}, fill, [&](Result<void> first) {
        answers.push_back(first.has_value());
        connector.connect({b}, fill, [&](Result<void> second) { answers.push_back(second.has_value()); });
    });
    bench.run_for(10s);
    CHECK(answers == std::vector{false, true});
    CHECK(fills == 1);
}

TEST_CASE("its end cancels: before, between, in `fill` and in the answer") {
    for (const auto after : {0ms, 100ms, 300ms}) {
        Bench bench({{a, {400ms, 0}}, {b, {400ms, 0}}});
        auto connector = std::make_unique<net::Connector>(*bench.worker);
        connector->connect({a, b}, [](Pipeline&) { FAIL("filled"); }, [](Result<void>) { FAIL("answered"); });
        bench.run_for(after);
        connector.reset();
        bench.run_for(10s);
        CHECK(bench.backend->open == 0);
    }
    for (const bool in_fill : {true, false}) {
        Bench bench({{a, {1ms, 0}}});
        auto connector = std::make_unique<net::Connector>(*bench.worker);
        int answers = 0;
        connector->connect(
            {a},
            [&](Pipeline&) {
                if (in_fill) connector.reset();
            },
            [&](Result<void>) {
                ++answers;
                connector.reset();
            });
        bench.run_for(10s);
        CHECK(connector == nullptr);
        CHECK(answers == (in_fill ? 0 : 1));
        CHECK(bench.backend->open == 1);  // what has won is the worker's
    }
}

TEST_CASE("what throws while it fills the pipeline is the answer, and the connection is cut") {
    Bench bench({{a, {1ms, 0}}});
    net::Connector connector(*bench.worker);
    Error error;
    connector.connect(
        {a}, [](Pipeline&) { throw std::runtime_error("on purpose"); },
        [&](Result<void> result) { error = result.error(); });
    bench.run_for(1s);
    CHECK(error == Error::os(EFAULT));
    CHECK(bench.backend->open == 0);
}

TEST_CASE("coroutines await it, the end of the frame, or of the connector, is no loose end") {
    Bench bench({{a, {1ms, ECONNREFUSED}}, {b, {1ms, 0}}});
    // Braces inside co_await are too much for g++ 12.
    const std::vector both{a, b}, refused{a}, silent{c};
    bool is_up = false;
    Error error, cancelled;
    auto use = [&](Worker& worker) -> Task<> {
        net::Connector connector(worker);
        is_up = (co_await connector.connect(both, [](Pipeline&) {})).has_value();
        error = (co_await connector.connect(refused, [](Pipeline&) {})).error();
        std::ignore = co_await connector.connect(silent, [](Pipeline&) {});
        FAIL("went on");
    };
    auto theirs = std::make_unique<net::Connector>(*bench.worker);
    auto outlive = [&]() -> Task<> {
        cancelled = (co_await theirs->connect(silent, [](Pipeline&) {})).error();
    };
    bench.worker->spawn(use(*bench.worker));
    bench.worker->spawn(outlive());
    bench.run_for(1s);
    CHECK(is_up);
    CHECK(error == Error::os(ECONNREFUSED));
    theirs.reset();
    bench.run_for(1s);
    CHECK(cancelled == Error::os(ECANCELED));
    bench.worker.reset();  // the frame dies while it connects
}

TEST_CASE("in the simulated network bytes go through the pipeline that was filled") {
    struct Echo final : SocketHandler {
        void on_read(TcpSocket& s, Slice slice) override { std::ignore = s.write(std::move(slice)); }
    };
    struct Say final : pipeline::Handler {
        explicit Say(std::string& g) : got(g) {}
        void on_added(pipeline::Slot& slot) override { slot.write(Slice::constant("hello")); }
        void on_read(pipeline::Slot& slot, Slice slice) override {
            got += slice.text();
            if (got.size() == 5) slot.pipeline().close();
        }
        std::string& got;
    };
    for (const auto seed : seeds(20)) {
        CAPTURE(seed);
        Simulation sim(seed, {.short_transfer = 0.5, .late = 0.5, .delay_max = 400ms});
        auto& server = sim.add_host();
        REQUIRE(server.listen(b, [](TcpSocket&) { return std::make_unique<Echo>(); }));
        std::string got;
        const std::vector all{a, b, b};
        sim.spawn([&](Worker& worker) -> Task<> {
            net::Connector connector(worker);
            const auto up = co_await connector.connect(
                all, [&](Pipeline& line) { line.add(std::make_unique<Say>(got)); });
            CHECK(up.has_value());
            co_await worker.sleep(60s);
            CHECK(worker.sockets() == 0);
        });
        REQUIRE(sim.run());
        CHECK(got == "hello");
        CHECK(server.sockets() == 0);
    }
}
