// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/chain.hpp>
#include <penstock/events/pipe.hpp>
#include <penstock/events/reactor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spawn.h>
#include <support/temporary_folder.hpp>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hand_worker.hpp"
#include "late_backend.hpp"
#include "loopback.hpp"

using namespace penstock;
using namespace penstock::events;

namespace {

struct Heard {
    std::string text;
    std::size_t reads = 0, closed = 0, died = 0;
    Error error = Error::os(EINPROGRESS);  // until it is closed
    std::function<void(PipeReader&)> then;
};

struct Hears final : PipeReadHandler {
    explicit Hears(Heard& h) : heard(h) {}
    ~Hears() override { ++heard.died; }
    void on_read(PipeReader& reader, Slice slice) override {
        CHECK_FALSE(slice.empty());
        CHECK(heard.closed == 0);
        ++heard.reads;
        heard.text += slice.text();
        if (heard.then) heard.then(reader);
    }
    void on_closed(PipeReader&, Error error) override {
        CHECK(heard.died == 0);
        ++heard.closed;
        heard.error = error;
    }
    Heard& heard;
};

struct Said {
    std::size_t writable = 0, closed = 0, died = 0;
    Error error = Error::os(EINPROGRESS);  // until it is closed
    std::function<void(PipeWriter&)> then;
};

struct Says final : PipeWriteHandler {
    explicit Says(Said& s) : said(s) {}
    ~Says() override { ++said.died; }
    void on_writable(PipeWriter& writer) override {
        CHECK(said.closed == 0);
        CHECK(writer.unsent_bytes() <= PipeWriter::unsent_bytes_high / 2);
        ++said.writable;
        if (said.then) said.then(writer);
    }
    void on_closed(PipeWriter& writer, Error error) override {
        CHECK(said.died == 0);
        CHECK_FALSE(taken(writer.write(Bytes("late"))));
        ++said.closed;
        said.error = error;
    }
    Said& said;
};

PipeReader& read_from(test::HandWorker& worker, Heard& heard, Descriptor end) {
    auto reader = std::make_unique<PipeReader>(*worker, std::make_unique<Hears>(heard));
    REQUIRE(reader->start(std::move(end)));
    return *reader.release();
}
PipeWriter& write_to(test::HandWorker& worker, Said& said, Descriptor end) {
    auto writer = std::make_unique<PipeWriter>(*worker, std::make_unique<Says>(said));
    REQUIRE(writer->start(std::move(end)));
    return *writer.release();
}

void put(const Descriptor& end, std::string_view text) {
    REQUIRE(::write(end.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}
/// Without waiting.
std::string take(int number) {
    std::string out;
    std::array<char, 65'536> room;
    for (ssize_t got; (got = ::read(number, room.data(), room.size())) > 0;)
        out.append(room.data(), static_cast<std::size_t>(got));
    return out;
}
int flags(int number) { return ::fcntl(number, F_GETFL); }
void unblock(const Descriptor& end) {
    REQUIRE(::fcntl(end.number(), F_SETFL, flags(end.number()) | O_NONBLOCK) == 0);
}
bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

/// Answers at once, or a turn later.
test::HandWorker::Options backend(bool is_late) {
    return is_late ? test::HandWorker::Options{.backend = test::late_backend()} : test::HandWorker::Options{};
}

constexpr std::size_t whole = 64 * 1024 * 1024, piece = 50'000;
char at(std::size_t i) { return static_cast<char>(i * 7 + i / 251 + i / 65'537); }

}  // namespace

TEST_CASE("a reader is told what was written, and then that the writers have closed") {
    Heard heard;
    test::HandWorker worker;
    auto ends = *open_pipe();
    auto& reader = read_from(worker, heard, std::move(ends.read));
    Descriptor other(::fcntl(ends.write.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
    put(ends.write, "hello ");
    CHECK(worker.turn_until([&] { return heard.text == "hello "; }));
    put(ends.write, "world");
    ends.write.close();
    CHECK(worker.turn_until([&] { return heard.text == "hello world"; }));
    CHECK(reader.bytes_in() == 11);
    CHECK(worker.comes_to_rest());
    CHECK(heard.closed == 0);  // another writer is there
    put(other, "!");
    other.close();
    CHECK(worker.turn_until([&] { return heard.closed == 1; }));
    CHECK(heard.text == "hello world!");
    CHECK_FALSE(heard.error);
    CHECK(heard.died == 1);
}

TEST_CASE("a writer's bytes arrive in their order, then its end") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        Said said;
        test::HandWorker worker(backend(is_late));
        auto ends = *open_pipe();
        auto& writer = write_to(worker, said, std::move(ends.write));
        unblock(ends.read);
        {
            const auto entered = worker.enter();
            CHECK(writer.write(Bytes("one ")) == Sent::more);
            CHECK(writer.write(Slice()) == Sent::more);
            CHECK(writer.write(Slice::copy("two ")) == Sent::more);
            CHECK(writer.unsent_bytes() == 8);
        }
        REQUIRE(worker.turn_until([&] { return writer.unsent_bytes() == 0; }));
        CHECK(writer.bytes_out() == 8);
        {
            const auto entered = worker.enter();
            CHECK(writer.write(Bytes("three")) == Sent::more);
            writer.close();
            writer.close();
            CHECK(writer.write(Bytes("four")) == Sent::closed);
        }
        CHECK(worker.turn_until([&] { return said.closed == 1; }));
        CHECK_FALSE(said.error);
        CHECK(said.died == 1);
        CHECK(take(ends.read.number()) == "one two three");
        char byte = 0;
        CHECK(::read(ends.read.number(), &byte, 1) == 0);  // the end
    }
}

TEST_CASE("64 MiB go through a pipe unchanged, with little of it waiting") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        struct Pours final : PipeWriteHandler {
            void on_writable(PipeWriter& writer) override {
                for (auto answer = Sent::more; answer == Sent::more && sent < whole;) {
                    std::string text(std::min<std::size_t>(piece, whole - sent), '\0');
                    for (auto& character : text) character = at(sent++);
                    answer = writer.write(Bytes(text));
                    CHECK(taken(answer));
                }
                most = std::max(most, writer.unsent_bytes());
                if (sent == whole) writer.close();
            }
            void on_closed(PipeWriter& writer, Error e) override {
                CHECK_FALSE(e);
                CHECK(writer.bytes_out() == whole);
                CHECK(most < PipeWriter::unsent_bytes_high + PipeWriter::unsent_bytes_high / 2 + piece);
            }
            std::size_t sent = 0, most = 0;
        };
        struct Drinks final : PipeReadHandler {
            explicit Drinks(std::size_t& g, bool& e) : got(g), ended(e) {}
            void on_read(PipeReader& reader, Slice slice) override {
                for (const char character : slice.text()) wrong += character == at(got++) ? 0 : 1;
                if (++reads % 16 != 0) return;
                reader.ready_to_read(false);  // and goes on in a while
                reader.worker().later([&reader] { reader.ready_to_read(true); });
            }
            void on_closed(PipeReader& reader, Error e) override {
                CHECK_FALSE(e);
                CHECK(wrong == 0);
                CHECK(reader.bytes_in() == got);
                ended = true;
            }
            std::size_t& got;
            bool& ended;
            std::size_t wrong = 0, reads = 0;
        };
        test::HandWorker worker(backend(is_late));
        auto ends = *open_pipe();
        std::size_t got = 0;
        bool ended = false;
        auto reader = std::make_unique<PipeReader>(*worker, std::make_unique<Drinks>(got, ended));
        REQUIRE(reader.release()->start(std::move(ends.read)));
        auto pours = std::make_unique<Pours>();
        auto& source = *pours;
        auto writer = std::make_unique<PipeWriter>(*worker, std::move(pours));
        REQUIRE(writer->start(std::move(ends.write)));
        {
            const auto entered = worker.enter();
            source.on_writable(*writer.release());
        }
        CHECK(worker.turn_until([&] { return ended; }));
        CHECK(got == whole);
    }
}

TEST_CASE("write answers wait from the high mark on, full beyond the most, and takes one piece always") {
    constexpr auto high = PipeWriter::unsent_bytes_high, most = PipeWriter::unsent_bytes_max;
    Said said;
    test::HandWorker worker;
    auto ends = *open_pipe();
    unblock(ends.read);
    auto& writer = write_to(worker, said, std::move(ends.write));
    const std::string much(most + 1, 'x');
    auto write = [&](std::size_t bytes) {
        const auto entered = worker.enter();
        return writer.write(Bytes(std::string_view(much).substr(0, bytes)));
    };
    CHECK(write(high - 1) == Sent::more);
    CHECK(write(1) == Sent::wait);
    CHECK(write(most - high) == Sent::wait);
    CHECK(writer.unsent_bytes() == most);
    CHECK(write(1) == Sent::full);
    CHECK(writer.unsent_bytes() == most);
    CHECK(said.writable == 0);
    std::size_t got = 0;
    REQUIRE(worker.turn_until([&] {
        got += take(ends.read.number()).size();
        return writer.unsent_bytes() == 0;
    }));
    CHECK(said.writable == 1);
    CHECK(write(most + 1) == Sent::wait);  // alone
    CHECK(write(1) == Sent::full);
    REQUIRE(worker.turn_until([&] {
        got += take(ends.read.number()).size();
        return writer.unsent_bytes() == 0;
    }));
    CHECK(said.writable == 2);
    CHECK(worker.comes_to_rest());
    CHECK(got + take(ends.read.number()).size() == most + most + 1);
    CHECK(write(1) == Sent::more);
    CHECK(worker.comes_to_rest());
    CHECK(said.writable == 2);  // nobody was told to wait
}

TEST_CASE("a writer is told that nobody reads any more, also when it writes nothing") {
    for (const bool is_late : {false, true}) {
        CAPTURE(is_late);
        for (const std::size_t queued : {0u, 1u, 1'000'000u}) {
            CAPTURE(queued);
            Said said;
            test::HandWorker worker(backend(is_late));
            auto ends = *open_pipe();
            auto& writer = write_to(worker, said, std::move(ends.write));
            CHECK(worker.comes_to_rest());
            if (queued > 1) {  // more than the pipe takes
                const auto entered = worker.enter();
                std::ignore = writer.write(Bytes(std::string(queued, 'x')));
            }
            worker.turn();
            worker.turn();
            ends.read.close();
            if (queued == 1) {
                const auto entered = worker.enter();
                std::ignore = writer.write(Bytes("x"));
            }
            CHECK(worker.turn_until([&] { return said.closed == 1; }));
            CHECK(said.error == Error::os(EPIPE));
            CHECK(said.writable == 0);
            CHECK(said.died == 1);
            CHECK(worker.comes_to_rest());
        }
    }
}

TEST_CASE("a reader that went before the writer started is told as well") {
    Said said;
    test::HandWorker worker;
    auto ends = *open_pipe();
    ends.read.close();
    write_to(worker, said, std::move(ends.write));
    CHECK(worker.turn_until([&] { return said.closed == 1; }));
    CHECK(said.error == Error::os(EPIPE));
}

TEST_CASE("while a reader is not ready to read, bytes and the end wait in the pipe") {
    Heard heard;
    test::HandWorker worker;
    auto ends = *open_pipe();
    auto& reader = read_from(worker, heard, std::move(ends.read));
    heard.then = [](PipeReader& one) { one.ready_to_read(false); };
    put(ends.write, "one");
    REQUIRE(worker.turn_until([&] { return heard.reads == 1; }));
    put(ends.write, "two");
    ends.write.close();
    CHECK(worker.comes_to_rest());
    CHECK(heard.text == "one");
    CHECK(heard.closed == 0);
    heard.then = nullptr;
    {
        const auto entered = worker.enter();
        reader.ready_to_read(true);
    }
    CHECK(worker.turn_until([&] { return heard.closed == 1; }));
    CHECK(heard.text == "onetwo");
    CHECK_FALSE(heard.error);
}

TEST_CASE("a reader that is aborted is not told that the writers have closed") {
    for (const bool is_inside : {false, true}) {
        CAPTURE(is_inside);
        Heard heard;
        test::HandWorker worker;
        auto ends = *open_pipe();
        const int number = ends.read.number();
        auto& reader = read_from(worker, heard, std::move(ends.read));
        put(ends.write, std::string(40'000, 'x'));  // more than one read
        if (is_inside) {
            heard.then = [&](PipeReader& one) {
                one.abort();
                one.abort();
                one.ready_to_read(true);
                CHECK(heard.closed == 0);
            };
        } else {
            const auto entered = worker.enter();
            reader.abort();
        }
        CHECK(worker.turn_until([&] { return heard.closed == 1; }));
        CHECK(heard.reads == (is_inside ? 1 : 0));
        CHECK(heard.error == Error::os(ECONNABORTED));
        CHECK(heard.died == 1);
        CHECK_FALSE(is_open(number));
        CHECK(worker.comes_to_rest());
    }
}

TEST_CASE("a writer may be closed and aborted inside its callbacks, with something in flight or not") {
    for (const bool is_late : {false, true})
        for (const bool aborts : {false, true}) {
            CAPTURE(is_late);
            CAPTURE(aborts);
            Said said;
            test::HandWorker worker(backend(is_late));
            auto ends = *open_pipe();
            unblock(ends.read);
            said.then = [&](PipeWriter& writer) {
                std::ignore = writer.write(Bytes("more"));
                aborts ? writer.abort() : writer.close();
                CHECK(said.closed == 0);
                CHECK(writer.write(Bytes("late")) == Sent::closed);
            };
            auto& writer = write_to(worker, said, std::move(ends.write));
            {
                const auto entered = worker.enter();
                CHECK(writer.write(Bytes(std::string(300'000, 'x'))) == Sent::wait);
            }
            std::string got;
            CHECK(worker.turn_until([&] {
                got += take(ends.read.number());
                return said.closed == 1;
            }));
            got += take(ends.read.number());
            CHECK(said.writable == 1);
            CHECK(said.error == (aborts ? Error::os(ECONNABORTED) : Error()));
            const bool is_whole = got == std::string(300'000, 'x') + "more";
            const bool is_start = got == std::string(got.size(), 'x') && got.size() <= 300'000;
            CHECK((aborts ? is_start : is_whole));
            CHECK(worker.comes_to_rest());
        }
}

TEST_CASE("a writer that is aborted while its bytes are on their way ends at once") {
    Said said;
    test::HandWorker worker(backend(true));
    auto ends = *open_pipe();
    auto& writer = write_to(worker, said, std::move(ends.write));
    for (int turns = 0; turns < 2; ++turns) {
        const auto entered = worker.enter();
        std::ignore = writer.write(Bytes(std::string(300'000, 'x')));
        worker.turn();
    }
    {
        const auto entered = worker.enter();
        writer.abort();
        writer.close();
    }
    worker.turn();
    CHECK(said.closed == 1);
    CHECK(said.error == Error::os(ECONNABORTED));
    CHECK(worker.comes_to_rest());
}

TEST_CASE("what a pipe's callback throws ends its pipe, the others go on") {
    Heard throws, hears;
    Said said;
    test::HandWorker worker;
    auto bad = *open_pipe(), good = *open_pipe(), out = *open_pipe();
    throws.then = [](PipeReader&) { throw std::runtime_error("on purpose"); };
    read_from(worker, throws, std::move(bad.read));
    read_from(worker, hears, std::move(good.read));
    put(bad.write, "x");
    put(good.write, "y");
    CHECK(worker.turn_until([&] { return throws.closed == 1 && hears.text == "y"; }));
    CHECK(throws.error == Error::os(EFAULT));
    put(good.write, "z");
    CHECK(worker.turn_until([&] { return hears.text == "yz"; }));

    unblock(out.read);
    said.then = [](PipeWriter&) { throw std::runtime_error("on purpose"); };
    auto& writer = write_to(worker, said, std::move(out.write));
    {
        const auto entered = worker.enter();
        std::ignore = writer.write(Bytes(std::string(300'000, 'x')));
    }
    CHECK(worker.turn_until([&] {
        std::ignore = take(out.read.number());
        return said.closed == 1;
    }));
    CHECK(said.error == Error::os(EFAULT));
}

TEST_CASE("regular files and folders are refused, and nothing about them is changed") {
    const test::TemporaryFolder folder;
    Heard heard;
    Said said;
    test::HandWorker worker;
    for (const bool is_folder : {false, true}) {
        CAPTURE(is_folder);
        const Descriptor file(is_folder
                                  ? ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                  : ::open(folder.file("file").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600),
                              Descriptor::Kind::other);
        auto copy = [&] {
            return Descriptor(::fcntl(file.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
        };
        const int number = copy().number();
        {
            PipeReader reader(*worker, std::make_unique<Hears>(heard));
            CHECK(reader.start(copy()).error() == Error::os(EPERM));
            PipeWriter writer(*worker, std::make_unique<Says>(said));
            CHECK(writer.start(copy()).error() == Error::os(EPERM));
        }
        CHECK_FALSE(is_open(number));
        CHECK((flags(file.number()) & O_NONBLOCK) == 0);
    }
    CHECK(heard.died == 2);
    CHECK(said.died == 2);
    CHECK(heard.closed + said.closed == 0);
    CHECK(worker.comes_to_rest());
    CHECK(worker->is_drained());
}

TEST_CASE("what is no descriptor is an error, and yours to delete") {
    Heard heard;
    Said said;
    test::HandWorker worker;
    {
        PipeReader reader(*worker, std::make_unique<Hears>(heard));
        CHECK(reader.start(Descriptor()).error() == Error::os(EBADF));
        PipeWriter writer(*worker, std::make_unique<Says>(said));
        CHECK(writer.start(Descriptor()).error() == Error::os(EBADF));
        const auto entered = worker.enter();
        std::ignore = writer.write(Bytes("x"));
    }
    CHECK(heard.died == 1);
    CHECK(said.died == 1);
    CHECK(worker.comes_to_rest());
}

TEST_CASE(
    "a new pipe's ends block and are closed on exec, and live ones do not block, for whoever shares them") {
    Heard heard;
    Said said;
    test::HandWorker worker;
    auto ends = *open_pipe();
    for (const auto* end : {&ends.read, &ends.write}) {
        CHECK((flags(end->number()) & O_NONBLOCK) == 0);
        CHECK((::fcntl(end->number(), F_GETFD) & FD_CLOEXEC) != 0);
    }
    const Descriptor read(::fcntl(ends.read.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
    const Descriptor write(::fcntl(ends.write.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
    read_from(worker, heard, std::move(ends.read));
    CHECK((flags(read.number()) & O_NONBLOCK) != 0);
    CHECK((flags(write.number()) & O_NONBLOCK) == 0);
    write_to(worker, said, std::move(ends.write));
    CHECK((flags(write.number()) & O_NONBLOCK) != 0);
}

TEST_CASE("our own input may be read by a copy of its descriptor, again and again") {
    test::HandWorker worker;
    auto ends = *open_pipe();  // as if the reading end were standard input
    for (int round = 0; round < 3; ++round) {
        CAPTURE(round);
        Heard heard;
        Descriptor copy(::fcntl(ends.read.number(), F_DUPFD_CLOEXEC, 0), Descriptor::Kind::other);
        auto& reader = read_from(worker, heard, std::move(copy));
        put(ends.write, "line\n");
        CHECK(worker.turn_until([&] { return heard.text == "line\n"; }));
        {
            const auto entered = worker.enter();
            reader.abort();
        }
        CHECK(worker.turn_until([&] { return heard.closed == 1; }));
        put(ends.write, "later");
        CHECK(worker.comes_to_rest());
        unblock(ends.read);
        CHECK(take(ends.read.number()) == "later");
    }
}

TEST_CASE("what is not only a pipe's end to write to may bring input, which is not its end") {
    Said said;
    test::HandWorker worker;
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
    Descriptor ours(pair[0], Descriptor::Kind::other), theirs(pair[1], Descriptor::Kind::other);
    auto& writer = write_to(worker, said, std::move(ours));
    put(theirs, "typed");  // as on a terminal
    CHECK(worker.comes_to_rest());
    CHECK(said.closed == 0);
    {
        const auto entered = worker.enter();
        CHECK(writer.write(Bytes("hello")) == Sent::more);
    }
    CHECK(worker.turn_until([&] { return writer.unsent_bytes() == 0; }));
    CHECK(take(theirs.number()) == "hello");
    theirs.close();
    {
        const auto entered = worker.enter();
        CHECK(writer.write(Bytes("hello")) == Sent::more);
    }
    CHECK(worker.turn_until([&] { return said.closed == 1; }));
    CHECK(said.error);  // EPIPE, or ECONNRESET since it had not read its input
}

TEST_CASE("what is written before the start goes out behind it, and so does the end") {
    Said said;
    test::HandWorker worker;
    auto ends = *open_pipe();
    unblock(ends.read);
    auto writer = std::make_unique<PipeWriter>(*worker, std::make_unique<Says>(said));
    {
        const auto entered = worker.enter();
        CHECK(writer->write(Bytes("early")) == Sent::more);
        writer->close();
    }
    CHECK(worker.comes_to_rest());
    CHECK(said.closed == 0);
    REQUIRE(writer.release()->start(std::move(ends.write)));
    CHECK(worker.turn_until([&] { return said.closed == 1; }));
    CHECK_FALSE(said.error);
    CHECK(take(ends.read.number()) == "early");
}

TEST_CASE("a writer that could not start may be deleted while the worker flushes others") {
    Said said, never;
    test::HandWorker worker;
    auto ends = *open_pipe();
    constexpr int all_at_once = 1024 * 1024;
    REQUIRE(::fcntl(ends.write.number(), F_SETPIPE_SZ, all_at_once) >= all_at_once);
    auto other = std::make_unique<PipeWriter>(*worker, std::make_unique<Says>(never));
    said.then = [&](PipeWriter&) {
        CHECK(other->start(Descriptor()).error() == Error::os(EBADF));
        other.reset();
    };
    auto& writer = write_to(worker, said, std::move(ends.write));
    {
        const auto entered = worker.enter();
        CHECK(writer.write(Bytes(std::string(300'000, 'x'))) == Sent::wait);
        CHECK(other->write(Bytes("never")) == Sent::more);
    }
    worker.turn();
    CHECK(said.writable == 1);
    CHECK(never.died == 1);
    CHECK(worker.comes_to_rest());
}

TEST_CASE("when descriptors have run out, a new pipe is refused") {
    const test::NoMoreDescriptors none;
    CHECK(open_pipe().error() == Error::os(EMFILE));
}

TEST_CASE("a drain sends what is queued and closes, and readers are not waited for") {
    Heard heard;
    Said said;
    {
        test::HandWorker worker;
        auto in = *open_pipe(), out = *open_pipe();
        unblock(out.read);
        read_from(worker, heard, std::move(in.read));
        auto& writer = write_to(worker, said, std::move(out.write));
        {
            const auto entered = worker.enter();
            std::ignore = writer.write(Bytes(std::string(300'000, 'x')));
        }
        worker->drain();
        worker.turn();
        CHECK_FALSE(worker->is_drained());
        std::size_t got = 0;
        CHECK(worker.turn_until([&] {
            got += take(out.read.number()).size();
            return worker->is_drained();
        }));
        CHECK(got + take(out.read.number()).size() == 300'000);
        CHECK(said.closed == 1);
        CHECK_FALSE(said.error);
        CHECK(heard.closed == 0);
    }
    CHECK(heard.closed == 1);
    CHECK(heard.error == Error::os(ECONNABORTED));
}

TEST_CASE("a child process may have the other ends") {
    Heard heard;
    Said said;
    test::HandWorker worker;
    auto to = *open_pipe(), from = *open_pipe();
    posix_spawn_file_actions_t actions;
    REQUIRE(::posix_spawn_file_actions_init(&actions) == 0);
    ::posix_spawn_file_actions_adddup2(&actions, to.read.number(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, from.write.number(), 1);
    std::string name = "cat";
    std::array<char*, 2> arguments{name.data(), nullptr};
    pid_t child = 0;
    REQUIRE(::posix_spawnp(&child, "cat", &actions, nullptr, arguments.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    to.read.close();
    from.write.close();
    read_from(worker, heard, std::move(from.read));
    auto& writer = write_to(worker, said, std::move(to.write));
    std::string text(1'000'000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = at(i);
    {
        const auto entered = worker.enter();
        std::ignore = writer.write(Bytes(text));
        writer.close();
    }
    CHECK(worker.turn_until([&] { return heard.closed == 1; }));
    const bool is_same = heard.text == text;
    CHECK(is_same);
    CHECK_FALSE(heard.error);
    CHECK(said.closed == 1);
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("a pipe between two workers stops in the middle of much") {
    struct Site {
        std::optional<PipeEnds> ends;
        std::atomic<std::size_t> got = 0, closed = 0;
    };
    struct Pours final : PipeWriteHandler {
        explicit Pours(Site& s) : site(s) {}
        void on_writable(PipeWriter& writer) override {
            while (writer.write(Bytes(text)) == Sent::more) {
            }
        }
        void on_closed(PipeWriter&, Error) override { ++site.closed; }
        Site& site;
        const std::string text = std::string(10'000, 'x');
    };
    struct Drinks final : PipeReadHandler {
        explicit Drinks(Site& s) : site(s) {}
        void on_read(PipeReader&, Slice slice) override { site.got += slice.size(); }
        void on_closed(PipeReader&, Error) override { ++site.closed; }
        Site& site;
    };
    core::Logger quiet({.level = core::LogLevel::warn});
    for (int round = 0; round < 10; ++round) {
        Site site;
        auto opened = open_pipe();
        REQUIRE(opened);
        site.ends = std::move(*opened);
        Reactor reactor({.workers = 2, .logger = &quiet});
        REQUIRE(reactor.start(
            [](Worker& worker, test::Lent<Site> to) -> Result<void> {
                if (worker.index() == 0) {
                    auto reader = std::make_unique<PipeReader>(worker, std::make_unique<Drinks>(*to));
                    return reader.release()->start(std::move(to->ends->read));
                }
                auto pours = std::make_unique<Pours>(*to);
                auto& source = *pours;
                auto writer = std::make_unique<PipeWriter>(worker, std::move(pours));
                auto& out = *writer;
                auto started = writer.release()->start(std::move(to->ends->write));
                source.on_writable(out);
                return started;
            },
            test::lent(site)));
        CHECK(test::comes([&] { return site.got > 5'000'000; }));
        reactor.stop(round % 2 == 0 ? 0ns : 1s);
        CHECK(site.closed == 2);
    }
}
