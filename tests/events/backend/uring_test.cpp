// SPDX-License-Identifier: Apache-2.0
// What is hard for io_uring: lifetimes, cancelling, credit, its queues and its buffers; without a worker
// above it, and then with one. The others are held to the same.
#include <penstock/core/home.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/backends.hpp>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <events/turned.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace penstock;
using namespace penstock::events;
using test::pattern;

namespace {

constexpr std::size_t unlimited = Backend::credit_unlimited;

/// What a worker is for a backend: a home, and who hands completions on.
class Driven final : public core::Home, Completions {
public:
    explicit Driven(std::string_view name) {
        auto made = make_backend(name);
        REQUIRE(made);
        backend_ = std::move(made->backend);
    }
    ~Driven() {
        const Entered entered(this);
        turn();
        backend_->stop();
        backend_.reset();
    }
    Backend* operator->() const { return backend_.get(); }

    void turn(std::chrono::nanoseconds at_most = {}) {
        const Entered entered(this);
        backend_->wait(at_most);
        dispatch();
    }
    void dispatch() {
        const Entered entered(this);
        backend_->dispatch(*this);
        backend_->free_closed();
    }
    template <class F>
    bool until(F condition) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > end) return false;
            turn(1ms);
        }
        return true;
    }
    void rest(int turns = 5) {
        for (int i = 0; i < turns; ++i) turn(1ms);
    }
    template <class F>
    decltype(auto) at(F f) {
        const Entered entered(this);
        return f();
    }
    Operation& take(Operation::Kind kind) { return operations_.take(kind); }
    void give(Operation& operation) { operations_.give(operation); }
    std::size_t swallowed = 0;  // completions of closed entries

private:
    template <class F>
    void tell(Entry& entry, F f) {
        if (entry.owner() != nullptr) f(*entry.owner());
    }
    void accepted(Entry& entry, Descriptor descriptor, const Address& peer) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_accepted(std::move(descriptor), peer); });
    }
    void accept_failed(Entry& entry, Error error) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_accept_failed(error); });
    }
    void received(Entry& entry, Slice slice) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_received(std::move(slice)); });
    }
    void receive_end(Entry& entry) override {
        tell(entry, [](EntryOwner& owner) { owner.on_receive_end(); });
    }
    void receive_failed(Entry& entry, Error error) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_receive_failed(error); });
    }
    void datagrams(Entry& entry, std::span<Datagram> datagrams) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_datagrams(datagrams); });
    }
    void settled(Entry& entry) override {
        tell(entry, [](EntryOwner& owner) { owner.on_settled(); });
    }
    void ready(Entry& entry, Interest interest) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_ready(interest); });
    }
    void completed(Entry& entry, Operation& operation) override {
        if (entry.owner() != nullptr) return entry.owner()->on_completed(operation);
        ++swallowed;
        operations_.give(operation);
    }

    OperationPool operations_;
    std::unique_ptr<Backend> backend_;
};

/// The other end: a plain descriptor of the test's.
class Far {
public:
    explicit Far(int number = -1) : number_(number) {}
    Far(Far&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Far& operator=(Far&& other) noexcept {
        close();
        number_ = std::exchange(other.number_, -1);
        return *this;
    }
    ~Far() { close(); }
    int number() const { return number_; }
    std::size_t send(std::string_view text) const {
        const auto sent = ::send(number_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    std::string receive(std::size_t most = 1 << 20) const {
        std::string out(most, '\0');
        const auto got = ::recv(number_, out.data(), most, MSG_DONTWAIT);
        out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return out;
    }
    void finish() const { ::shutdown(number_, SHUT_WR); }
    void reset() {
        const linger now{1, 0};
        ::setsockopt(number_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }
    void close() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_;
};

Far connect_to(const Address& address) {
    Far out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(out.number(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
    return out;
}

/// A connected pair over TCP: one descriptor for a backend, one for the test.
std::pair<Descriptor, Far> tcp_pair() {
    const Far listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::listen(listening.number(), 128) == 0);
    sockaddr_in at{};
    socklen_t size = sizeof at;
    ::getsockname(listening.number(), reinterpret_cast<sockaddr*>(&at), &size);
    auto far = connect_to(Address::v4({127, 0, 0, 1}, ntohs(at.sin_port)));
    const int near = ::accept4(listening.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    REQUIRE(near >= 0);
    return {Descriptor(near, Descriptor::Kind::stream), std::move(far)};
}

std::pair<Descriptor, Far> unix_pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    return {Descriptor(ends[0], Descriptor::Kind::stream), Far(ends[1])};
}

std::size_t open_descriptors() {
    std::size_t out = 0;
    for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) ++out;
    return out;
}

/// Keeps what it is told.
struct Listening final : EntryOwner {
    void on_accepted(Descriptor descriptor, const Address& peer) override {
        got.push_back(std::move(descriptor));
        peers.push_back(peer);
    }
    void on_accept_failed(Error error) override { failed.push_back(error); }
    std::vector<Descriptor> got;
    std::vector<Address> peers;
    std::vector<Error> failed;
};

struct Stream final : EntryOwner {
    void on_received(Slice slice) override {
        CHECK(!slice.empty());
        got += slice.text();
        if (credit < unlimited) {
            CHECK(slice.size() <= credit);
            credit -= std::min(credit, slice.size());
        } else {
            CHECK(credit == unlimited);
        }
        ++pieces;
    }
    void on_receive_end() override {
        CHECK(credit > 0);
        ++ends;
    }
    void on_receive_failed(Error error) override { failed.push_back(error); }
    void on_settled() override { ++settled; }
    void on_completed(Operation& operation) override {
        done.push_back(operation.done);
        completed = &operation;
    }
    void on_ready(Interest interest) override {
        reads += interest.read ? 1 : 0;
        writes += interest.write ? 1 : 0;
    }
    void arm(Driven& driven, std::size_t bytes) {
        credit = bytes;
        driven.at([&] { driven->arm_receive(*entry, bytes); });
    }
    Entry* entry = nullptr;
    std::string got;
    std::size_t credit = 0, pieces = 0;
    int ends = 0, settled = 0, reads = 0, writes = 0;
    std::vector<Error> failed;
    std::vector<Completion> done;
    Operation* completed = nullptr;
};

void enter(Driven& driven, Stream& stream, Descriptor descriptor) {
    auto entered = driven->enter(std::move(descriptor), stream);
    REQUIRE(entered);
    stream.entry = *entered;
}

template <class F>
void on_every_backend(F test) {
    for (const auto backend : test::system_backends) {
        CAPTURE(backend);
        test(backend);
    }
}

}  // namespace

TEST_CASE("a wake makes this wait return or the next one, and none is lost") {
    on_every_backend([](std::string_view backend) {
        Driven driven(backend);
        auto waited = [&] {
            const auto from = std::chrono::steady_clock::now();
            driven.turn(10s);
            return std::chrono::steady_clock::now() - from;
        };
        driven->wake();
        CHECK(waited() < 1s);  // before the first wait
        driven->wake();
        driven->wake();
        CHECK(waited() < 1s);
        driven.rest();
        for (int i = 0; i < 20'000; ++i) driven->wake();
        CHECK(waited() < 1s);
        driven.rest();
        const auto from = std::chrono::steady_clock::now();
        driven.turn(20ms);  // nothing is left of them
        CHECK(std::chrono::steady_clock::now() - from >= 15ms);
        std::atomic<bool> is_over = false;
        std::atomic<int> asked = 0, seen = 0;
        std::thread waker([&] {
            while (!is_over) {
                const int number = ++asked;
                driven->wake();
                while (seen < number && !is_over) std::this_thread::yield();
            }
        });
        for (int i = 0; i < 3'000; ++i) {
            const int before = asked;
            if (seen < before) {
                seen = before;
                continue;
            }
            const auto began = std::chrono::steady_clock::now();
            driven.turn(5s);
            if (std::chrono::steady_clock::now() - began > 4s) FAIL("a wake was lost");
            seen = asked.load();
        }
        is_over = true;
        waker.join();
    });
}

TEST_CASE("a wait without time does not block, and has_ready tells what is left") {
    on_every_backend([](std::string_view backend) {
        Driven driven(backend);
        CHECK(!driven->has_ready());
        auto [near, far] = tcp_pair();
        Stream stream;
        enter(driven, stream, std::move(near));
        stream.arm(driven, 10);
        driven.rest();
        CHECK(!driven->has_ready());
        const auto from = std::chrono::steady_clock::now();
        for (int i = 0; i < 100; ++i) driven.turn();
        CHECK(std::chrono::steady_clock::now() - from < 1s);
        far.send(pattern(100));
        REQUIRE(driven.until([&] { return stream.got.size() == 10; }));
        driven.rest();
        CHECK(!driven->has_ready());  // without credit nothing is
        stream.arm(driven, 10);
        for (int i = 0; i < 3 && stream.got.size() < 20; ++i) driven.turn(10s);
        CHECK(stream.got.size() == 20);
        driven.at([&] { driven->close(*stream.entry, false); });
        driven.rest();
        CHECK(!driven->has_ready());
    });
}

TEST_CASE("a credit is never exceeded, however it changes while something is on its way") {
    on_every_backend([](std::string_view backend) {
        core::SeededRandom random(7);
        Driven driven(backend);
        for (int round = 0; round < 30; ++round) {
            auto [near, far] = tcp_pair();
            Stream stream;
            enter(driven, stream, std::move(near));
            const auto text = pattern(100'000, static_cast<unsigned>(round));
            std::size_t sent = 0;
            for (int step = 0; step < 300; ++step) {
                switch (random.below(6)) {
                    case 0: stream.arm(driven, random.below(20)); break;
                    case 1: stream.arm(driven, random.below(10'000)); break;
                    case 2: stream.arm(driven, 0); break;
                    case 3: sent += far.send(std::string_view(text).substr(sent, random.below(3'000))); break;
                    case 4:
                        driven->wait({});  // submitted, and perhaps complete, but not told
                        break;
                    default: driven.turn(); break;
                }
            }
            sent += far.send(std::string_view(text).substr(sent));
            far.finish();
            while (stream.got.size() < sent) {
                const auto before = stream.got.size();
                stream.arm(driven, 1 + random.below(30'000));
                REQUIRE(driven.until([&] { return stream.got.size() > before; }));
            }
            CHECK(stream.got == text.substr(0, sent));
            const int ends = stream.ends;  // one, if credit was left
            stream.arm(driven, 0);
            driven.rest(2);
            CHECK(stream.ends == ends);
            stream.arm(driven, 1);
            REQUIRE(driven.until([&] { return stream.ends == ends + 1; }));
            driven.rest(2);
            CHECK(stream.ends == ends + 1);
            CHECK(stream.failed.empty());
            driven.at([&] { driven->close(*stream.entry, false); });
        }
    });
}

TEST_CASE("a descriptor moves between backends with all that was on its way to it") {
    on_every_backend([](std::string_view backend) {
        core::SeededRandom random(3);
        Driven one(backend), two(backend);
        for (int round = 0; round < 20; ++round) {
            auto [near, far] = round % 3 == 0 ? unix_pair() : tcp_pair();
            Stream stream;
            auto* here = &one;
            enter(*here, stream, std::move(near));
            const auto text = pattern(3'000'000, static_cast<unsigned>(round));
            std::size_t sent = 0;
            int moves = 0;
            while (stream.got.size() < text.size()) {
                sent += far.send(std::string_view(text).substr(sent, random.below(40'000)));
                stream.arm(*here, random.below(3) == 0 ? random.below(5'000) : unlimited);
                if (random.below(2) == 0) here->turn(random.below(2) == 0 ? 0ns : 1ms);
                if (random.below(2) == 0) {
                    here->at([&] { (*here)->wait({}); });
                    sent += far.send(std::string_view(text).substr(sent, random.below(40'000)));
                }
                if (random.below(2) == 0) continue;
                stream.credit = unlimited;  // what is in flight is delivered
                const int settled = stream.settled;
                const bool is_settled = here->at([&] { return (*here)->settle(*stream.entry); });
                if (!is_settled) REQUIRE(here->until([&] { return stream.settled == settled + 1; }));
                auto moving = here->at([&] { return (*here)->leave(*stream.entry); });
                here->turn();
                here = here == &one ? &two : &one;
                enter(*here, stream, std::move(moving));
                ++moves;
                REQUIRE(moves < 10'000);
            }
            CHECK(moves > 20);
            CHECK(stream.got == text);
            CHECK(stream.failed.empty());
            here->at([&] { (*here)->close(*stream.entry, false); });
            here->rest(2);
        }
    });
}

TEST_CASE("a reset that comes while a descriptor settles is not lost: it is told here or there") {
    on_every_backend([](std::string_view backend) {
        for (const std::size_t credit : {std::size_t(0), std::size_t(100), unlimited})
            for (const bool is_submitted : {false, true}) {
                CAPTURE(credit);
                CAPTURE(is_submitted);
                Driven one(backend), two(backend);
                auto [near, far] = tcp_pair();
                Stream stream;
                enter(one, stream, std::move(near));
                stream.arm(one, unlimited);
                one.rest();
                if (credit < unlimited) stream.arm(one, credit);
                far.reset();
                if (is_submitted) one->wait({});  // complete, and not told
                stream.credit = unlimited;
                const bool is_settled = one.at([&] { return one->settle(*stream.entry); });
                if (!is_settled)
                    REQUIRE(one.until([&] { return stream.settled == 1 || !stream.failed.empty(); }));
                if (stream.failed.empty()) {
                    auto moving = one.at([&] { return one->leave(*stream.entry); });
                    one.turn();
                    enter(two, stream, std::move(moving));
                    stream.arm(two, unlimited);
                    REQUIRE(two.until([&] { return stream.ends > 0 || !stream.failed.empty(); }));
                    two.at([&] { two->close(*stream.entry, false); });
                } else {
                    CHECK(stream.settled == 0);
                    one.at([&] { one->close(*stream.entry, false); });
                }
                CHECK(stream.ends == 0);
                REQUIRE(stream.failed.size() == 1);
                CHECK(stream.failed[0] == Error::os(ECONNRESET));
            }
    });
}

TEST_CASE("a reset behind much data is a failure, not an end") {
    on_every_backend([](std::string_view backend) {
        for (const std::size_t bytes : {std::size_t(1), std::size_t(20'000), std::size_t(1'000'000)})
            for (const bool is_alone : {true, false}) {
                CAPTURE(bytes);
                CAPTURE(is_alone);
                Driven driven(backend);
                auto [near, far] = tcp_pair();
                auto [other_near, other_far] = tcp_pair();
                Stream stream, other;
                enter(driven, stream, std::move(near));
                enter(driven, other, std::move(other_near));
                const auto sent = far.send(pattern(bytes));
                far.reset();
                if (!is_alone) other_far.send(pattern(100'000));
                stream.arm(driven, unlimited);
                if (!is_alone) other.arm(driven, unlimited);
                REQUIRE(driven.until([&] { return stream.ends > 0 || !stream.failed.empty(); }));
                CHECK(stream.ends == 0);
                REQUIRE(stream.failed.size() == 1);
                CHECK(stream.failed[0] == Error::os(ECONNRESET));
                CHECK(stream.got == pattern(sent).substr(0, stream.got.size()));
                driven.at([&] {
                    driven->close(*stream.entry, false);
                    driven->close(*other.entry, false);
                });
            }
    });
}

TEST_CASE("sends complete once, cancelled ones with what was taken, and the peer gets exactly that") {
    on_every_backend([](std::string_view backend) {
        core::SeededRandom random(11);
        for (int round = 0; round < 20; ++round) {
            Driven driven(backend);
            auto [near, far] = round % 3 == 0 ? unix_pair() : tcp_pair();
            Stream stream;
            enter(driven, stream, std::move(near));
            const auto text = pattern(4'000'000, static_cast<unsigned>(round));
            std::string arrived;
            std::size_t taken = 0;
            bool is_pending = false;
            Operation* operation = nullptr;
            auto account = [&](Completion done) {
                taken += done.bytes;
                CHECK((!done.error || done.error == Error::os(ECANCELED)));
                CHECK((!done.error || !operation->data.empty()));
                driven.at([&] { driven.give(*operation); });
                operation = nullptr;
                is_pending = false;
            };
            for (int step = 0; taken < text.size(); ++step) {
                REQUIRE(step < 200'000);
                if (operation == nullptr) {
                    operation = &driven.take(Operation::Kind::send);
                    // In many pieces, more than one call takes.
                    auto left = std::string_view(text).substr(taken, random.below(300'000) + 1);
                    const auto pieces = 1 + random.below(100);
                    driven.at([&] {
                        while (!left.empty()) {
                            const auto part = left.substr(0, left.size() / pieces + 1);
                            operation->data.append(Slice::copy(Bytes(part)));
                            left.remove_prefix(part.size());
                        }
                    });
                    stream.done.clear();
                    const auto done = driven.at([&] { return driven->submit(*stream.entry, *operation); });
                    if (done)
                        account(*done);
                    else
                        is_pending = true;
                }
                if (random.below(3) == 0) arrived += far.receive(random.below(200'000));
                if (random.below(2) == 0) driven.turn();
                if (is_pending && stream.done.empty() && random.below(4) == 0) {
                    driven.at([&] { driven->cancel(*operation); });
                    REQUIRE(driven.until([&] { return !stream.done.empty(); }));
                }
                CHECK(stream.done.size() <= 1);
                if (is_pending && !stream.done.empty()) {
                    CHECK(stream.completed == operation);
                    account(stream.done[0]);
                }
            }
            while (arrived.size() < taken) arrived += far.receive();
            CHECK(arrived == text);
            driven.at([&] { driven->close(*stream.entry, false); });
            driven.rest(2);
            CHECK(far.receive().empty());
        }
    });
}

TEST_CASE("a cancelled operation that completes all the same leaves nothing to the next one") {
    on_every_backend([](std::string_view backend) {
        for (int round = 0; round < 10; ++round) {
            Driven driven(backend);
            struct Canceller final : EntryOwner {
                void on_received(Slice) override {
                    auto* pending = std::exchange(operation, nullptr);
                    if (pending != nullptr && writer->done.empty()) (*driven)->cancel(*pending);
                }
                Driven* driven = nullptr;
                Stream* writer = nullptr;
                Operation* operation = nullptr;
            };
            std::array<int, 2> ends{};
            REQUIRE(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
            const Far reading(ends[0]);
            Stream writer;
            enter(driven, writer, Descriptor(ends[1], Descriptor::Kind::other));
            Canceller canceller;
            auto [near, far] = unix_pair();
            auto entered = driven->enter(std::move(near), canceller);
            REQUIRE(entered);
            driven.at([&] { driven->arm_receive(**entered, unlimited); });
            auto submit = [&](std::size_t bytes) {
                auto& operation = driven.take(Operation::Kind::send);
                driven.at([&] { operation.data.append(Slice::copy(Bytes(pattern(bytes)))); });
                writer.done.clear();
                if (const auto done = driven.at([&] { return driven->submit(*writer.entry, operation); }))
                    writer.on_completed(operation);
                return &operation;
            };
            auto* first = submit(100'000);
            REQUIRE(writer.done.empty());
            driven.rest();
            canceller.driven = &driven;
            canceller.writer = &writer;
            canceller.operation = first;
            std::string got(1 << 20, '\0');
            auto drain = [&] {
                while (::read(reading.number(), got.data(), got.size()) > 0) {
                }
            };
            far.send("now");  // and in the same dispatch the pipe has room
            drain();
            REQUIRE(driven.until([&] { return !writer.done.empty(); }));
            CHECK(writer.done.size() == 1);
            driven.at([&] { driven.give(*first); });
            auto* second = submit(100'000);
            driven.rest();
            drain();
            REQUIRE(driven.until([&] {
                drain();
                return !writer.done.empty();
            }));
            CHECK(!writer.done[0].error);
            CHECK(writer.done[0].bytes > 0);  // a part of it is legal
            driven.at([&] { driven.give(*second); });
            driven.at([&] {
                driven->close(*writer.entry, false);
                driven->close(**entered, false);
            });
        }
    });
}

TEST_CASE("more gathered sends in one turn than a submission queue holds arrive as they are") {
    on_every_backend([](std::string_view backend) {
        constexpr std::size_t count = 2'500;
        Driven driven(backend);
        std::deque<Stream> streams(count);
        std::vector<Far> fars;
        for (auto& stream : streams) {
            auto [near, far] = unix_pair();
            enter(driven, stream, std::move(near));
            fars.push_back(std::move(far));
        }
        std::size_t done = 0;
        for (unsigned i = 0; i < count; ++i)
            driven.at([&] {
                auto& operation = driven.take(Operation::Kind::send);
                for (unsigned piece = 0; piece < 40; ++piece)
                    operation.data.append(Slice::copy(Bytes(pattern(1 + piece % 7, i + piece))));
                const auto answer = driven->submit(*streams[i].entry, operation);
                if (!answer) return;
                ++done;
                driven.give(operation);
            });
        REQUIRE(driven.until([&] {
            return done + static_cast<std::size_t>(std::ranges::count_if(
                              streams, [](const Stream& stream) { return stream.done.size() == 1; })) ==
                   count;
        }));
        for (unsigned i = 0; i < count; ++i) {
            std::string expected;
            for (unsigned piece = 0; piece < 40; ++piece) expected += pattern(1 + piece % 7, i + piece);
            if (fars[i].receive() != expected) FAIL("not what was sent by " << i);
            driven.at([&] { driven->close(*streams[i].entry, true); });
        }
        driven.rest();
    });
}

TEST_CASE("what was accepted while it was disarmed comes when it is armed again, or is closed with it") {
    on_every_backend([](std::string_view backend) {
        const auto before = open_descriptors();
        {
            Driven driven(backend);
            Listening listening;
            auto descriptor = driven->open_listening("127.0.0.1:0", {});
            REQUIRE(descriptor);
            auto* entry = *driven->enter(std::move(*descriptor), listening);
            const auto at = *driven->local_address(*entry);
            std::vector<Far> fars;
            for (int round = 0; round < 5; ++round) {
                driven.at([&] { driven->arm_accept(*entry, true); });
                driven.rest(2);
                for (int i = 0; i < 200; ++i) fars.push_back(connect_to(at));
                driven->wait({});
                driven.at([&] { driven->arm_accept(*entry, false); });
                const auto told = listening.got.size();
                driven.dispatch();
                driven.rest(2);
                CHECK(listening.got.size() == told);
                driven.at([&] { driven->arm_accept(*entry, true); });
                REQUIRE(driven.until([&] { return listening.got.size() == fars.size(); }));
            }
            std::set<std::uint16_t> ports;
            for (const auto& peer : listening.peers) ports.insert(peer.port());
            CHECK(ports.size() == fars.size());
            driven.rest(2);
            for (int i = 0; i < 50; ++i) fars.push_back(connect_to(at));
            driven->wait({});
            driven.at([&] { driven->arm_accept(*entry, false); });
            driven.dispatch();
            for (int i = 0; i < 50; ++i) fars.push_back(connect_to(at));
            driven->wait({});
            driven.at([&] { driven->close(*entry, false); });
            for (int i = 0; i < 3; ++i) driven.turn(1ms);
            CHECK(listening.failed.empty());
        }
        CHECK(open_descriptors() == before);
    });
}

TEST_CASE("a connection that was reset before it was accepted has its address, or is not told of") {
    on_every_backend([](std::string_view backend) {
        Driven driven(backend);
        Listening listening;
        auto descriptor = driven->open_listening("127.0.0.1:0", {});
        REQUIRE(descriptor);
        auto* entry = *driven->enter(std::move(*descriptor), listening);
        const auto at = *driven->local_address(*entry);
        driven.at([&] { driven->arm_accept(*entry, true); });
        driven.rest(2);
        for (int i = 0; i < 5; ++i) {
            auto far = connect_to(at);
            far.send("do something and ask nobody");
            far.reset();
        }
        const auto last = connect_to(at);
        REQUIRE(driven.until([&] {
            return !listening.peers.empty() && listening.peers.back().port() != 0 &&
                   listening.got.size() >= 1;
        }));
        driven.rest();
        for (const auto& peer : listening.peers) CHECK(!peer.empty());
        driven.at([&] { driven->close(*entry, false); });
    });
}

TEST_CASE("accepting goes on after the descriptors ran out, and nobody is lost") {
    on_every_backend([](std::string_view backend) {
        Driven driven(backend);
        Listening listening;
        auto descriptor = driven->open_listening("127.0.0.1:0", {});
        REQUIRE(descriptor);
        auto* entry = *driven->enter(std::move(*descriptor), listening);
        const auto at = *driven->local_address(*entry);
        // From before it is armed on: io_uring remembers the limit of that time.
        rlimit usual{};
        ::getrlimit(RLIMIT_NOFILE, &usual);
        const rlimit few{200, usual.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
        driven.at([&] { driven->arm_accept(*entry, true); });
        driven.rest(2);
        std::vector<Far> fars, fillers;
        for (int i = 0; i < 20; ++i) fars.push_back(connect_to(at));
        for (int number = 0; (number = ::dup(0)) >= 0;) fillers.emplace_back(number);
        REQUIRE(fillers.size() > 8);
        fillers.resize(fillers.size() - 8);
        const bool has_failed = driven.until([&] { return !listening.failed.empty(); });
        driven.rest();
        const auto failures = listening.failed.size();
        const auto accepted = listening.got.size();
        // Armed again while there is still none: told again.
        driven.at([&] { driven->arm_accept(*entry, true); });
        const bool has_failed_again = driven.until([&] { return listening.failed.size() > failures; });
        fillers.clear();
        ::setrlimit(RLIMIT_NOFILE, &usual);
        CHECK(has_failed);
        CHECK(has_failed_again);
        REQUIRE(failures == 1);
        CHECK(listening.failed[0] == Error::os(EMFILE));
        CHECK(accepted < fars.size());
        driven.rest();
        CHECK(listening.got.size() == accepted);  // a failure has disarmed it
        driven.at([&] { driven->arm_accept(*entry, true); });
        REQUIRE(driven.until([&] { return listening.got.size() == fars.size(); }));
        driven.at([&] { driven->close(*entry, false); });
    });
}

TEST_CASE("a watched descriptor is told of once for each watch, and again for what comes later") {
    on_every_backend([](std::string_view backend) {
        if (backend == "poll") return;  // which knows levels alone, and tells them in each turn
        Driven driven(backend);
        auto [near, far] = unix_pair();
        const int number = near.number();
        Stream watched;
        enter(driven, watched, std::move(near));
        driven.at([&] { driven->arm_poll(*watched.entry, {.read = true, .write = true}); });
        REQUIRE(driven.until([&] { return watched.writes == 1; }));
        for (int i = 0; i < 50; ++i) driven.turn(i < 40 ? 0ns : 1ms);
        CHECK(watched.writes == 1);
        CHECK(watched.reads == 0);
        far.send("x");
        REQUIRE(driven.until([&] { return watched.reads == 1; }));
        char byte;
        while (::recv(number, &byte, 1, MSG_DONTWAIT) == 1) {
        }
        far.send("y");
        REQUIRE(driven.until([&] { return watched.reads == 2; }));
        driven.rest();
        CHECK(watched.reads == 2);  // not read, and not asked again
        driven.at([&] { driven->arm_poll(*watched.entry, {}); });
        driven.rest();
        far.send("z");
        driven.rest();
        CHECK(watched.reads == 2);
        driven.at([&] { driven->close(*watched.entry, false); });
    });
}

TEST_CASE("a number that is used again brings nothing of its former file") {
    on_every_backend([](std::string_view backend) {
        Driven driven(backend);
        for (int round = 0; round < 50; ++round) {
            auto [near, far] = unix_pair();
            const int number = near.number();
            Stream former;
            enter(driven, former, std::move(near));
            driven.at([&] { driven->arm_poll(*former.entry, {.read = true, .write = false}); });
            driven.turn();
            auto left = driven.at([&] { return driven->leave(*former.entry); });
            if (round % 2 == 0) far.send("for nobody");
            left.close();
            auto [next, next_far] = unix_pair();
            CHECK((next.number() == number || next_far.number() == number));
            Stream stream;
            enter(driven, stream, std::move(next));
            driven.at([&] { driven->arm_poll(*stream.entry, {.read = true, .write = false}); });
            far.send("again for nobody");
            driven.turn();
            driven.turn();
            CHECK(stream.reads == 0);
            CHECK(former.reads == 0);
            next_far.send("x");
            REQUIRE(driven.until([&] { return stream.reads == 1; }));
            driven.at([&] { driven->close(*stream.entry, false); });
        }
    });
}

TEST_CASE("what is closed with something in flight gives its descriptor back, resets or ends in order") {
    on_every_backend([](std::string_view backend) {
        const auto before = open_descriptors();
        {
            Driven driven(backend);
            for (int round = 0; round < 40; ++round) {
                const bool reset = round % 2 == 0, sends = round % 4 < 2, receives = round % 8 < 4;
                auto [near, far] = tcp_pair();
                Stream stream;
                enter(driven, stream, std::move(near));
                if (receives) stream.arm(driven, unlimited);
                if (round % 3 > 0) driven.turn();
                if (sends && reset) {
                    auto& operation = driven.take(Operation::Kind::send);
                    driven.at([&] {
                        for (int i = 0; i < 30; ++i)
                            operation.data.append(Slice::copy(Bytes(pattern(1'000'000))));
                        if (driven->submit(*stream.entry, operation)) FAIL("it took 30 MB at once");
                    });
                    if (round % 3 > 1) driven.turn();
                }
                if (round % 5 == 0) far.send(pattern(10'000));
                const auto done = stream.done.size();
                driven.at([&] { driven->close(*stream.entry, reset); });
                if (done > 0) driven.at([&] { driven.give(*stream.completed); });
                if (round % 3 == 0 && !reset) far.send(pattern(10'000));
                const auto ends_by = std::chrono::steady_clock::now() + 10s;
                char byte;
                ssize_t got;
                while ((got = ::recv(far.number(), &byte, 1, MSG_DONTWAIT)) > 0 ||
                       (got < 0 && errno == EAGAIN && std::chrono::steady_clock::now() < ends_by))
                    driven.turn();
                const int error = errno;
                if (reset) CHECK((got < 0 && error == ECONNRESET));
                if (!reset && round % 5 != 0 && round % 3 != 0) CHECK(got == 0);
                CHECK(stream.got.empty());
                CHECK(stream.done.size() == done);
            }
            // And the rest by stop().
            std::deque<Stream> streams(50);
            std::vector<Far> fars;
            for (auto& stream : streams) {
                auto [near, far] = tcp_pair();
                enter(driven, stream, std::move(near));
                fars.push_back(std::move(far));
                stream.arm(driven, unlimited);
            }
            driven.rest(2);
            for (auto& stream : streams) driven.at([&] { driven->close(*stream.entry, true); });
        }
        CHECK(open_descriptors() == before);
    });
}

TEST_CASE("who sends without end keeps nobody waiting, and all of them go on alike") {
    on_every_backend([](std::string_view backend) {
        constexpr std::size_t bulk = 200, small = 20;
        Driven driven(backend);
        std::deque<Stream> streams(bulk + small);
        std::vector<Far> fars;
        for (auto& stream : streams) {
            auto [near, far] = tcp_pair();
            enter(driven, stream, std::move(near));
            fars.push_back(std::move(far));
            stream.arm(driven, unlimited);
        }
        driven.rest();
        const auto text = pattern(200'000);
        auto pour = [&] {
            for (std::size_t i = 0; i < bulk; ++i)
                while (fars[i].send(text) == text.size()) {
                }
        };
        for (int turn = 0; turn < 20; ++turn) {
            pour();
            driven.turn();
        }
        for (std::size_t i = bulk; i < bulk + small; ++i) fars[i].send("!");
        auto has_small = [&] {
            return std::ranges::all_of(streams.begin() + bulk, streams.end(),
                                       [](const Stream& stream) { return stream.got == "!"; });
        };
        int turns = 0;
        for (; turns < 200 && !has_small(); ++turns) {
            pour();
            driven.turn();
        }
        CHECK(turns < 8);
        for (auto& stream : streams) stream.got.clear();
        for (int turn = 0; turn < 50; ++turn) {
            pour();
            driven.turn();
        }
        std::size_t least = ~std::size_t(0), most = 0;
        for (std::size_t i = 0; i < bulk; ++i) {
            least = std::min(least, streams[i].got.size());
            most = std::max(most, streams[i].got.size());
        }
        CHECK(least * 4 >= most);
        CHECK(least > 0);
        for (auto& stream : streams) driven.at([&] { driven->close(*stream.entry, true); });
    });
}

TEST_CASE("five hundred that send a megabyte at once all arrive") {
    on_every_backend([](std::string_view backend) {
        constexpr std::size_t count = 500, megabyte = 1 << 20;
        Driven driven(backend);
        driven.turn();
        const auto held = driven.slabs().held_bytes();
        std::deque<Stream> streams(count);
        std::vector<Far> fars;
        for (auto& stream : streams) {
            auto [near, far] = tcp_pair();
            enter(driven, stream, std::move(near));
            fars.push_back(std::move(far));
            stream.arm(driven, unlimited);
        }
        driven.rest();
        std::vector<std::size_t> sent(count);
        std::vector<std::string> texts;
        for (unsigned i = 0; i < 7; ++i) texts.push_back(pattern(megabyte, i));
        std::size_t fastest = 0, slowest_then = 0;
        REQUIRE(driven.until([&] {
            std::size_t least = megabyte;
            for (std::size_t i = 0; i < count; ++i) {
                sent[i] += fars[i].send(std::string_view(texts[i % 7]).substr(sent[i]));
                if (sent[i] == megabyte) fars[i].finish();
                least = std::min(least, streams[i].got.size());
                fastest = std::max(fastest, streams[i].got.size());
            }
            if (fastest < megabyte / 2) slowest_then = least;
            return std::ranges::all_of(streams, [](const Stream& stream) { return stream.ends == 1; });
        }));
        CHECK(slowest_then > megabyte / 8);
        for (std::size_t i = 0; i < count; ++i)
            if (streams[i].got != texts[i % 7]) FAIL("not what was sent");
        for (auto& stream : streams) driven.at([&] { driven->close(*stream.entry, false); });
        driven.rest();
        CHECK(driven.slabs().held_bytes() - held <= 2 * static_cast<std::int64_t>(core::slab_bytes));
    });
}

TEST_CASE("more completions at once than a queue of them holds lose nothing") {
    rlimit allowed{};
    ::getrlimit(RLIMIT_NOFILE, &allowed);
    if (allowed.rlim_cur < 11'000) return;
    on_every_backend([](std::string_view backend) {
        const auto before = open_descriptors();
        {
            constexpr std::size_t count = 4'800;
            Driven driven(backend);
            std::deque<Stream> streams(count);
            std::vector<Far> fars;
            for (auto& stream : streams) {
                auto [near, far] = unix_pair();
                enter(driven, stream, std::move(near));
                fars.push_back(std::move(far));
                stream.arm(driven, unlimited);
            }
            driven.rest();
            for (std::size_t round = 1; round <= 3; ++round) {
                for (auto& stream : streams) stream.arm(driven, 0);  // each brings two
                driven->wait({});
                for (auto& far : fars) far.send("ab");
                for (auto& stream : streams) stream.arm(driven, 1);
                REQUIRE(driven.until([&] {
                    return std::ranges::all_of(
                        streams, [&](const Stream& stream) { return stream.got.size() == 2 * round - 1; });
                }));
                for (auto& stream : streams) stream.arm(driven, unlimited);
                REQUIRE(driven.until([&] {
                    return std::ranges::all_of(
                        streams, [&](const Stream& stream) { return stream.got.size() == 2 * round; });
                }));
            }
            driven->wake();
            for (auto& far : fars) far.send("late");
            for (auto& stream : streams) driven.at([&] { driven->close(*stream.entry, true); });
            driven.turn();
            driven->wake();
            const auto from = std::chrono::steady_clock::now();
            driven.turn(10s);
            CHECK(std::chrono::steady_clock::now() - from < 5s);
        }
        CHECK(open_descriptors() == before);
    });
}

TEST_CASE("under load the memory that is held stays what it is") {
    on_every_backend([](std::string_view backend) {
        core::SeededRandom random(5);
        Driven driven(backend);
        driven.turn();
        const auto held = driven.slabs().held_bytes();
        std::int64_t most = 0;
        const auto text = pattern(300'000);
        for (int round = 0; round < 300; ++round) {
            std::deque<Stream> streams(10);
            std::vector<Far> fars;
            std::vector<std::size_t> sent(streams.size());
            for (auto& stream : streams) {
                auto [near, far] = round % 2 == 0 ? tcp_pair() : unix_pair();
                enter(driven, stream, std::move(near));
                fars.push_back(std::move(far));
            }
            for (int step = 0; step < 30; ++step) {
                const auto i = random.below(streams.size());
                sent[i] += fars[i].send(std::string_view(text).substr(sent[i], random.below(20'000)));
                streams[i].arm(driven, random.below(3) == 0 ? random.below(3'000) : unlimited);
                driven.turn();
                most = std::max(most, driven.slabs().held_bytes() - held);
            }
            for (std::size_t i = 0; i < streams.size(); ++i) {
                CHECK(streams[i].got == std::string_view(text).substr(0, streams[i].got.size()));
                fars[i].send(pattern(random.below(30'000)));
                driven.at([&] { driven->close(*streams[i].entry, random.below(2) == 0); });
            }
        }
        driven.rest();
        CHECK(most < 4'000'000);  // what is held back for want of credit
        CHECK(driven.slabs().held_bytes() - held <= 2 * static_cast<std::int64_t>(core::slab_bytes));
    });
}

TEST_CASE("a socket that moves on and on between two workers echoes every byte") {
    struct Road {
        std::optional<Detached<TcpSocket>> gone;
        TcpSocket* socket = nullptr;  // while it is somewhere
        test::TurnedWorker* where = nullptr;
    };
    struct Nomad final : SocketHandler, Movable {
        explicit Nomad(Road& r, core::Random& g) : road(r), random(g) {}
        void on_read(TcpSocket& socket, Slice piece) override {
            std::ignore = socket.write(std::move(piece));
            switch (random.below(6)) {
                case 0: socket.ready_to_read(false); break;
                case 1: socket.read_credit(1 + random.below(5'000)); break;
                case 2: socket.read_credit(Backend::credit_unlimited); break;
                default: break;
            }
            if (random.below(2) == 0)
                CHECK(socket.detach([at = &road](Detached<TcpSocket> gone) {
                    at->gone.emplace(std::move(gone));
                    at->socket = nullptr;
                }));
        }
        Road& road;
        core::Random& random;
    };
    on_every_backend([](std::string_view backend) {
        for (const auto seed : seeds(12)) {
            CAPTURE(seed);
            core::SeededRandom random(seed);
            Road road;
            test::TurnedWorker one(backend), two(backend);
            const test::HeldPort at;
            one.at([&] {
                REQUIRE(one->listen(at.address(), [&](TcpSocket& socket) {
                    road.socket = &socket;
                    road.where = &one;
                    return std::make_unique<Nomad>(road, random);
                }));
            });
            auto far = connect_to(at.address());
            const auto text = pattern(2'000'000, static_cast<unsigned>(seed));
            std::string back;
            std::size_t sent = 0, moves = 0;
            const auto ends_by = std::chrono::steady_clock::now() + 20s;
            while (back.size() < text.size()) {
                REQUIRE(std::chrono::steady_clock::now() < ends_by);
                sent += far.send(std::string_view(text).substr(sent, random.below(60'000)));
                one.turn(random.below(3) == 0 ? 100us : 0us);
                two.turn(random.below(3) == 0 ? 100us : 0us);
                if (random.below(2) == 0) back += far.receive(random.below(100'000));
                if (road.gone) {
                    road.where = random.below(2) == 0 ? &one : &two;
                    road.socket = &road.where->at(
                        [&]() -> TcpSocket& { return (*road.where)->adopt(std::move(*road.gone)); });
                    road.gone.reset();
                    ++moves;
                }
                if (road.socket != nullptr && random.below(4) == 0)  // which may have stopped
                    road.where->at([&] {
                        road.socket->ready_to_read(true);
                        road.socket->read_credit(2'000 + random.below(50'000));
                    });
            }
            CHECK(back == text);
            CHECK(moves > 10);
            far.close();
        }
    });
}

namespace {

/// One connection under random use, and a model of what it must see.
struct Wild final : EntryOwner {
    Driven* driven = nullptr;
    Entry* entry = nullptr;
    Far far;
    unsigned salt = 0;
    std::string inbound, outbound;  // all that ever goes
    std::size_t sent = 0, got = 0;  // by the far end; by us
    std::size_t taken = 0, arrived = 0;
    std::size_t credit = 0;
    Operation* operation = nullptr;
    bool is_settling = false, is_settled = false, is_closed = false, has_finished = false, has_ended = false;

    void on_received(Slice slice) override {
        CHECK(!is_closed);
        if (!is_settling) CHECK(slice.size() <= credit);
        if (credit < unlimited) credit -= std::min(credit, slice.size());
        REQUIRE(got + slice.size() <= sent);
        CHECK(slice.text() == std::string_view(inbound).substr(got, slice.size()));
        got += slice.size();
    }
    void on_receive_end() override {
        CHECK(!is_closed);
        CHECK((credit > 0 && !is_settling));
        CHECK(has_finished);
        CHECK(got == sent);
        CHECK(!std::exchange(has_ended, true));
        credit = 0;
    }
    void on_receive_failed(Error) override { FAIL("nobody resets"); }
    void on_settled() override {
        CHECK(is_settling);
        CHECK(!std::exchange(is_settled, true));
    }
    void on_completed(Operation& completed) override {
        CHECK(!is_closed);
        REQUIRE(operation == &completed);
        account(completed.done);
    }
    void account(Completion done) {
        CHECK((!done.error || done.error == Error::os(ECANCELED)));
        taken += done.bytes;
        driven->give(*std::exchange(operation, nullptr));
    }
};

}  // namespace

TEST_CASE("random use of many connections loses, repeats and reorders nothing") {
    on_every_backend([](std::string_view backend) {
        for (const auto seed : seeds(15)) {
            CAPTURE(seed);
            core::SeededRandom random(seed);
            std::array drivers{std::make_unique<Driven>(backend), std::make_unique<Driven>(backend)};
            std::deque<Wild> all(30);
            unsigned salt = static_cast<unsigned>(seed) * 100;
            auto open = [&](Wild& wild) {
                auto [near, far] = random.below(3) == 0 ? unix_pair() : tcp_pair();
                wild.far = std::move(far);
                wild.driven = drivers[random.below(2)].get();
                wild.inbound = pattern(400'000, ++salt);
                wild.outbound = pattern(400'000, ++salt);
                wild.sent = wild.got = wild.taken = wild.arrived = wild.credit = 0;
                wild.is_settling = wild.is_settled = wild.is_closed = wild.has_finished = wild.has_ended =
                    false;
                wild.operation = nullptr;
                auto entered = (*wild.driven)->enter(std::move(near), wild);
                REQUIRE(entered);
                wild.entry = *entered;
            };
            auto go_over = [&](Wild& wild) {  // to the other one
                auto moving = wild.driven->at([&] { return (*wild.driven)->leave(*wild.entry); });
                if (random.below(2) == 0) wild.driven->turn();
                wild.driven = wild.driven == drivers[0].get() ? drivers[1].get() : drivers[0].get();
                auto entered = (*wild.driven)->enter(std::move(moving), wild);
                REQUIRE(entered);
                wild.entry = *entered;
                wild.is_settling = wild.is_settled = false;
                wild.credit = 0;
            };
            auto read_far = [&](Wild& wild, std::size_t most) {
                const auto text = wild.far.receive(most);
                CHECK(text == std::string_view(wild.outbound).substr(wild.arrived, text.size()));
                wild.arrived += text.size();
            };
            auto act = [&](Wild& wild) {
                auto& driven = *wild.driven;
                const core::Home::Entered entered(&driven);
                if (wild.is_settling) {
                    if (wild.is_settled && wild.operation == nullptr) go_over(wild);
                    return;
                }
                switch (random.below(16)) {
                    case 0:
                    case 1:
                    case 2:
                        if (wild.has_ended) break;
                        wild.credit = random.below(3) == 0 ? unlimited : random.below(20'000);
                        driven->arm_receive(*wild.entry, wild.credit);
                        break;
                    case 3:
                        wild.credit = 0;
                        driven->arm_receive(*wild.entry, 0);
                        break;
                    case 4:
                    case 5:
                    case 6:
                        if (!wild.has_finished)
                            wild.sent += wild.far.send(
                                std::string_view(wild.inbound).substr(wild.sent, random.below(50'000)));
                        break;
                    case 7:
                    case 8: read_far(wild, random.below(60'000)); break;
                    case 9:
                    case 10: {
                        if (wild.operation != nullptr) break;
                        auto left = std::string_view(wild.outbound).substr(wild.taken, random.below(200'000));
                        if (left.empty()) break;
                        wild.operation = &driven.take(Operation::Kind::send);
                        const auto pieces = 1 + random.below(80);
                        while (!left.empty()) {
                            const auto part = left.substr(0, left.size() / pieces + 1);
                            wild.operation->data.append(Slice::copy(Bytes(part)));
                            left.remove_prefix(part.size());
                        }
                        if (const auto done = driven->submit(*wild.entry, *wild.operation))
                            wild.account(*done);
                        break;
                    }
                    case 11:
                        if (wild.operation != nullptr) driven->cancel(*wild.operation);
                        break;
                    case 12:
                        if (wild.operation != nullptr || wild.has_ended) break;
                        wild.is_settling = true;
                        wild.is_settled = driven->settle(*wild.entry);
                        break;
                    case 13:
                        if (random.below(20) == 0) {
                            wild.far.finish();
                            wild.has_finished = true;
                        }
                        break;
                    case 14:
                        if (random.below(30) != 0) break;
                        wild.is_closed = true;
                        wild.operation = nullptr;
                        driven->close(*wild.entry, true);
                        open(wild);
                        break;
                    default: break;
                }
            };
            for (auto& wild : all) open(wild);
            for (int step = 0; step < 6'000; ++step) {
                act(all[random.below(all.size())]);
                if (random.below(10) == 0) drivers[random.below(2)]->turn();
                if (random.below(30) == 0) (*drivers[random.below(2)])->wait({});
            }
            // To the end, all of them.
            for (auto& wild : all) {
                REQUIRE(wild.driven->until([&] {
                    if (wild.is_settling && wild.is_settled) go_over(wild);
                    return !wild.is_settling;
                }));
                if (!wild.has_finished) wild.far.finish();
                wild.has_finished = true;
                if (!wild.has_ended) {
                    wild.credit = unlimited;
                    wild.driven->at([&] { (*wild.driven)->arm_receive(*wild.entry, unlimited); });
                }
                REQUIRE(wild.driven->until([&] {
                    read_far(wild, 1 << 20);
                    return wild.has_ended && wild.operation == nullptr && wild.arrived == wild.taken;
                }));
                CHECK(wild.got == wild.sent);
                wild.is_closed = true;
                wild.driven->at([&] { (*wild.driven)->close(*wild.entry, false); });
            }
        }
    });
}
