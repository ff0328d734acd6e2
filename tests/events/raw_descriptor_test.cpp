// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/pipe.hpp>
#include <penstock/events/raw_descriptor.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <support/temporary_folder.hpp>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hand_worker.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

constexpr Interest reads{.read = true, .write = false}, writes{.read = false, .write = true},
    both{.read = true, .write = true};

struct Told {
    int ready = 0, reads = 0, writes = 0, drains = 0, closed = 0, died = 0;
    Error error = Error::os(EINPROGRESS);  // until it is closed
    std::function<void(RawDescriptor&, Interest)> then;
};

struct Tells final : RawHandler {
    explicit Tells(Told& t) : told(t) {}
    ~Tells() override { ++told.died; }
    void on_ready(RawDescriptor& raw, Interest interest) override {
        CHECK(told.closed == 0);
        ++told.ready;
        told.reads += interest.read ? 1 : 0;
        told.writes += interest.write ? 1 : 0;
        if (told.then) told.then(raw, interest);
    }
    void on_closed(RawDescriptor&, Error error) override {
        CHECK(told.died == 0);
        ++told.closed;
        told.error = error;
    }
    Told& told;
};

RawDescriptor& start(test::HandWorker& worker, Told& told, Descriptor descriptor, Interest interest) {
    auto raw = std::make_unique<RawDescriptor>(*worker, std::make_unique<Tells>(told));
    REQUIRE(raw->start(std::move(descriptor), interest));
    return *raw.release();
}

Descriptor counter() { return Descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), Descriptor::Kind::other); }
void add(int number, std::uint64_t count = 1) { REQUIRE(::eventfd_write(number, count) == 0); }
std::uint64_t take(int number) {
    eventfd_t count = 0;
    return ::eventfd_read(number, &count) == 0 ? count : 0;
}
bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }
void unblock(const Descriptor& descriptor) {
    REQUIRE(::fcntl(descriptor.number(), F_SETFL, ::fcntl(descriptor.number(), F_GETFL) | O_NONBLOCK) == 0);
}

/// Two stream sockets that are connected to each other, both non-blocking.
std::pair<Descriptor, Descriptor> socket_pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    return {Descriptor(ends[0], Descriptor::Kind::other), Descriptor(ends[1], Descriptor::Kind::other)};
}

void fill(int number) {
    const std::string much(65'536, 'x');
    while (::write(number, much.data(), much.size()) > 0) {
    }
    while (::write(number, "x", 1) > 0) {
    }
}

std::size_t empty(int number) {
    std::array<char, 65'536> room;
    std::size_t out = 0;
    for (ssize_t got; (got = ::read(number, room.data(), room.size())) > 0;)
        out += static_cast<std::size_t>(got);
    return out;
}

}  // namespace

TEST_CASE("a raw descriptor tells what it is ready for, and again what comes later") {
    Told told;
    test::HandWorker worker;
    told.then = [](RawDescriptor& raw, Interest) { std::ignore = take(raw.number()); };
    auto descriptor = counter();
    const int number = descriptor.number();
    auto& raw = start(worker, told, std::move(descriptor), reads);
    CHECK(raw.number() == number);
    CHECK(worker.comes_to_rest());
    CHECK(told.ready == 0);
    for (int round = 1; round <= 3; ++round) {
        add(number);
        REQUIRE(worker.turn_until([&] { return told.ready == round; }));
        CHECK(worker.comes_to_rest());
        CHECK(told.reads == round);
        CHECK(told.writes == 0);
    }
}

TEST_CASE("what was there before the start is told") {
    Told told;
    test::HandWorker worker;
    told.then = [](RawDescriptor& raw, Interest) { std::ignore = take(raw.number()); };
    auto descriptor = counter();
    add(descriptor.number());
    start(worker, told, std::move(descriptor), reads);
    CHECK(worker.turn_until([&] { return told.ready == 1; }));
    CHECK(worker.comes_to_rest());
    CHECK(told.ready == 1);
}

TEST_CASE("who does not read it all, and calls watch() again, is told of the rest") {
    Told told;
    test::HandWorker worker;
    auto [ours, theirs] = socket_pair();
    std::string text;
    told.then = [&](RawDescriptor& raw, Interest) {
        std::array<char, 3> some;
        const auto got = ::read(raw.number(), some.data(), some.size());
        if (got > 0) text.append(some.data(), static_cast<std::size_t>(got));
        raw.watch(reads);
    };
    start(worker, told, std::move(ours), reads);
    REQUIRE(::write(theirs.number(), "hello world", 11) == 11);
    CHECK(worker.turn_until([&] { return text == "hello world"; }));
    CHECK(worker.comes_to_rest());
}

TEST_CASE("and who watches later is told what came meanwhile") {
    Told told;
    test::HandWorker worker;
    auto descriptor = counter();
    const int number = descriptor.number();
    auto& raw = start(worker, told, std::move(descriptor), {});
    add(number);
    CHECK(worker.comes_to_rest());
    CHECK(told.ready == 0);
    told.then = [&](RawDescriptor& one, Interest) {
        CHECK(take(one.number()) == 1);
        one.watch({});
    };
    raw.watch(reads);
    CHECK(worker.turn_until([&] { return told.ready == 1; }));
    add(number);
    CHECK(worker.comes_to_rest());
    CHECK(told.ready == 1);
}

TEST_CASE("a descriptor that takes nothing is not told to be ready for writing, until it is") {
    Told told;
    test::HandWorker worker;
    auto [ours, theirs] = socket_pair();
    fill(ours.number());
    told.then = [](RawDescriptor& raw, Interest) { fill(raw.number()); };
    start(worker, told, std::move(ours), both);
    CHECK(worker.comes_to_rest());
    CHECK(told.ready == 0);
    CHECK(empty(theirs.number()) > 0);
    REQUIRE(worker.turn_until([&] { return told.writes == 1; }));
    CHECK(worker.comes_to_rest());
    CHECK(told.reads == 0);
    CHECK(empty(theirs.number()) > 0);
    REQUIRE(worker.turn_until([&] { return told.writes == 2; }));
}

TEST_CASE("one that takes something is told at once, and both ways when both are there") {
    Told told;
    test::HandWorker worker;
    auto [ours, theirs] = socket_pair();
    REQUIRE(::write(theirs.number(), "x", 1) == 1);
    told.then = [](RawDescriptor& raw, Interest) { raw.watch({}); };
    auto& raw = start(worker, told, std::move(ours), writes);
    REQUIRE(worker.turn_until([&] { return told.writes == 1; }));
    CHECK(told.reads == 0);
    CHECK(worker.comes_to_rest());
    CHECK(told.ready == 1);
    told.then = [](RawDescriptor& one, Interest interest) {
        if (interest.read) CHECK(empty(one.number()) == 1);
    };
    raw.watch(both);
    CHECK(worker.turn_until([&] { return told.writes == 2 && told.reads == 1; }));
}

TEST_CASE("hang-ups and errors look like readiness") {
    test::HandWorker worker;
    SUBCASE("of a reader whose writers have gone") {
        auto ends = *open_pipe();
        unblock(ends.read);
        Told told;
        std::optional<ssize_t> got;
        told.then = [&](RawDescriptor& raw, Interest) {
            char byte = 0;
            got = ::read(raw.number(), &byte, 1);
            raw.abort();
        };
        start(worker, told, std::move(ends.read), reads);
        CHECK(worker.comes_to_rest());
        CHECK(told.ready == 0);
        ends.write.close();
        CHECK(worker.turn_until([&] { return told.closed == 1; }));
        CHECK(told.reads == 1);
        CHECK(got == 0);
    }
    SUBCASE("of a writer whose readers have gone") {
        auto ends = *open_pipe();
        unblock(ends.write);
        fill(ends.write.number());
        Told told;
        int error = 0;
        told.then = [&](RawDescriptor& raw, Interest) {
            if (::write(raw.number(), "x", 1) < 0) error = errno;
            raw.abort();
        };
        start(worker, told, std::move(ends.write), writes);
        CHECK(worker.comes_to_rest());
        CHECK(told.ready == 0);
        ends.read.close();
        CHECK(worker.turn_until([&] { return told.closed == 1; }));
        CHECK(told.writes == 1);
        CHECK(error == EPIPE);
    }
}

TEST_CASE("abort closes it, and on_closed is the last call, also from inside a callback") {
    for (const bool is_inside : {false, true}) {
        CAPTURE(is_inside);
        Told told;
        test::HandWorker worker;
        auto descriptor = counter();
        const int number = descriptor.number();
        auto& raw = start(worker, told, std::move(descriptor), reads);
        add(number);
        if (is_inside) {
            told.then = [&](RawDescriptor& one, Interest) {
                one.abort();
                one.abort();
                one.watch(both);
                CHECK_FALSE(is_open(number));
                CHECK(told.closed == 0);
                CHECK(told.died == 0);
            };
        } else {
            const auto entered = worker.enter();
            raw.abort();
            CHECK(told.closed == 0);
        }
        CHECK(worker.turn_until([&] { return told.closed == 1; }));
        CHECK(told.ready == (is_inside ? 1 : 0));
        CHECK_FALSE(told.error);
        CHECK(told.died == 1);
        CHECK_FALSE(is_open(number));
        CHECK(worker.comes_to_rest());
    }
}

TEST_CASE("what on_ready throws ends its descriptor, the others go on") {
    Told bad, good;
    test::HandWorker worker;
    bad.then = [](RawDescriptor&, Interest) { throw std::runtime_error("on purpose"); };
    good.then = [](RawDescriptor& raw, Interest) { std::ignore = take(raw.number()); };
    auto one = counter(), two = counter();
    const int first = one.number(), second = two.number();
    start(worker, bad, std::move(one), reads);
    start(worker, good, std::move(two), reads);
    add(first);
    add(second);
    CHECK(worker.turn_until([&] { return bad.closed == 1 && good.ready == 1; }));
    CHECK(bad.error == Error::os(EFAULT));
    CHECK_FALSE(is_open(first));
    add(second);
    CHECK(worker.turn_until([&] { return good.ready == 2; }));
}

TEST_CASE("release gives it back open, and it may be watched anew, also from inside a callback") {
    for (const bool is_inside : {false, true}) {
        CAPTURE(is_inside);
        Told told, next;
        test::HandWorker worker;
        std::optional<Descriptor> back;
        auto descriptor = counter();
        const int number = descriptor.number();
        auto& raw = start(worker, told, std::move(descriptor), reads);
        add(number);
        if (is_inside) {
            told.then = [&](RawDescriptor& one, Interest) { back = one.release(); };
        } else {
            const auto entered = worker.enter();
            back = raw.release();
        }
        CHECK(worker.turn_until([&] { return told.closed == 1; }));
        CHECK_FALSE(told.error);
        CHECK(told.died == 1);
        REQUIRE(back);
        CHECK(back->number() == number);
        CHECK(is_open(number));
        add(number);
        CHECK(worker.comes_to_rest());  // nobody watches it any more
        next.then = [&](RawDescriptor& one, Interest) { CHECK(take(one.number()) == 2); };
        start(worker, next, std::move(*back), reads);
        CHECK(worker.turn_until([&] { return next.ready == 1; }));
        CHECK(told.closed == 1);
    }
}

TEST_CASE("a drain ends it by default, and a worker does not wait for one that stays") {
    struct Stays final : RawHandler {
        explicit Stays(Told& t) : told(t) {}
        void on_ready(RawDescriptor& raw, Interest) override {
            ++told.ready;
            std::ignore = take(raw.number());
        }
        void on_drain(RawDescriptor&) override { ++told.drains; }
        void on_closed(RawDescriptor&, Error) override { ++told.closed; }
        Told& told;
    };
    Told stays, ends;
    {
        test::HandWorker worker;
        auto descriptor = counter();
        const int number = descriptor.number();
        auto raw = std::make_unique<RawDescriptor>(*worker, std::make_unique<Stays>(stays));
        REQUIRE(raw.release()->start(std::move(descriptor), reads));
        start(worker, ends, counter(), reads);
        worker->drain();
        CHECK(worker->is_drained());
        worker.turn();
        CHECK(ends.closed == 1);
        CHECK_FALSE(ends.error);
        CHECK(stays.drains == 1);
        add(number);
        CHECK(worker.turn_until([&] { return stays.ready == 1; }));
        CHECK(stays.closed == 0);
    }
    CHECK(stays.closed == 1);  // the worker ended
}

TEST_CASE("what cannot be started is an error, and yours to delete") {
    Told told;
    test::HandWorker worker;
    {
        RawDescriptor raw(*worker, std::make_unique<Tells>(told));
        if (std::string_view(worker->backend().name()) == "epoll") {
            const test::TemporaryFolder folder;
            Descriptor file(::open(folder.file("file").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600),
                            Descriptor::Kind::other);
            const int number = file.number();
            CHECK(raw.start(std::move(file), reads).error() == Error::os(EPERM));
            CHECK_FALSE(is_open(number));
        }
    }
    CHECK(told.died == 1);
    CHECK(told.closed == 0);
    CHECK(worker.comes_to_rest());
}

TEST_CASE("one whose file others hold too, and that says so, is forgotten when it ends") {
    Told told, next;
    test::HandWorker worker;
    const auto file = counter();
    auto copy = [&] {
        Descriptor out(::fcntl(file.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
        out.shared(true);
        return out;
    };
    auto first = copy();
    const int number = first.number();
    auto& raw = start(worker, told, std::move(first), reads);
    {
        const auto entered = worker.enter();
        raw.abort();
    }
    CHECK(worker.turn_until([&] { return told.closed == 1; }));
    CHECK_FALSE(is_open(number));
    add(file.number());
    CHECK(worker.comes_to_rest());
    next.then = [](RawDescriptor& one, Interest) { CHECK(take(one.number()) == 1); };
    auto second = copy();
    REQUIRE(second.number() == number);
    start(worker, next, std::move(second), reads);
    CHECK(worker.turn_until([&] { return next.ready == 1; }));
}
