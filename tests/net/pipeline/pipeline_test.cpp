// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/home.hpp>
#include <penstock/events/backend/simulated.hpp>
#include <penstock/net/pipeline/pipeline.hpp>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using pipeline::Direction;
using pipeline::Message;
using pipeline::no_window;
using pipeline::Slot;

namespace {

using Journal = std::vector<std::string>;

std::string text(const Chain& chain) {
    std::string out(chain.size(), '\0');
    chain.copy_to(reinterpret_cast<std::byte*>(out.data()), out.size());
    return out;
}

/// Carries to a string: what is written leaves when the test says so.
class Wire final : public pipeline::Carrier {
public:
    explicit Wire(Journal& journal) : journal_(journal) {}

    void write(Chain chain) override { queue_.append(std::move(chain)); }
    std::uint64_t bytes_left() const override { return out.size(); }
    std::size_t unsent_bytes() const override { return queue_.size(); }
    void read_credit(std::size_t bytes) override { armed.push_back(bytes); }
    void close() override {
        journal_.emplace_back("close");
        is_closing = true;
    }
    void abort(Error error) override {
        if (is_aborted) return;
        journal_.emplace_back("abort");
        queue_.clear();
        is_aborted = true;
        why = error;
    }
    void idle_timeout(std::chrono::nanoseconds) override {}
    const Address& peer() const override { return peer_; }

    /// So many bytes leave.
    void leave(Pipeline& line, std::size_t bytes) {
        if (queue_.empty()) return;
        out += text(queue_.split(std::min(bytes, queue_.size())));
        line.sent();
    }
    /// What a socket does at the end of the turn.
    void finish(Pipeline& line) {
        while (!is_aborted && !queue_.empty()) leave(line, queue_.size());
        if (is_aborted || is_closing) line.closed(why);
    }

    std::string out;
    std::vector<std::size_t> armed;
    bool is_closing = false, is_aborted = false;
    Error why;

private:
    Journal& journal_;
    const Address peer_{"10.0.0.1:80"};
    Chain queue_;
};

/// A handler that passes on, and writes down what it hears. The test sets what else it does.
class Probe final : public pipeline::Handler {
public:
    Probe(std::string n, Journal& j) : name(std::move(n)), journal(j) {}
    ~Probe() override {
        if (alive != nullptr) --*alive;
    }
    void on_added(Slot& slot) override {
        if (added) added(slot);
    }
    void on_read(Slot& slot, Slice slice) override {
        journal.push_back(name + " got " + std::string(slice.text()));
        if (read) return read(slot, std::move(slice));
        slot.pass_read(std::move(slice));
    }
    void on_write(Slot& slot, Message message) override {
        journal.push_back(name + " sends " + text(message.data));
        if (write) return write(slot, std::move(message));
        Handler::on_write(slot, std::move(message));
    }
    std::size_t on_window(Slot&, std::size_t bytes) override {
        ++asked;
        return window ? window(bytes) : bytes;
    }
    void on_writable(Slot& slot) override {
        journal.push_back(name + " writable");
        if (writable) writable(slot);
    }
    void on_shutdown(Slot& slot, Direction direction, Error error) override {
        journal.push_back(name + (direction == Direction::read ? " read ends" : " write ends"));
        heard = error;
        if (shutdown) return shutdown(slot, direction);
        Handler::on_shutdown(slot, direction, error);
    }
    void on_drain(Slot& slot) override {
        journal.push_back(name + " drains");
        if (drain) return drain(slot);
        Handler::on_drain(slot);
    }

    std::string name;
    Journal& journal;
    std::function<void(Slot&)> added, writable, drain;
    std::function<void(Slot&, Slice)> read;
    std::function<void(Slot&, Message)> write;
    std::function<void(Slot&, Direction)> shutdown;
    std::function<std::size_t(std::size_t)> window;
    int* alive = nullptr;
    int asked = 0;
    Error heard;
};

/// A pipeline on a wire, on a worker whose turns the test runs.
struct Bench {
    std::unique_ptr<Probe> probe(std::string name) {
        return std::make_unique<Probe>(std::move(name), journal);
    }
    Probe& add(std::string name) {
        auto made = probe(std::move(name));
        auto& out = *made;
        slots.push_back(&line.add_one(std::move(made)));
        return out;
    }
    void receive(const std::string& bytes) { line.received(Slice::copy(Bytes(bytes))); }
    void receive(std::size_t bytes) { receive(std::string(bytes, 'x')); }
    void turn() { worker.turn(std::chrono::nanoseconds(0)); }
    Journal take_journal() { return std::exchange(journal, {}); }

    events::Simulation sim{1};
    Worker& worker = sim.add_host();
    core::Home::Entered entered{&worker};
    Journal journal;
    Wire wire{journal};
    Pipeline line{worker, wire};
    std::vector<Slot*> slots;
};

Slice slice(const std::string& bytes) { return Slice::copy(Bytes(bytes)); }

/// Notes how a message ended.
auto note(Journal& journal, const std::string& name) {
    return [&journal, name](Result<void> result) {
        journal.push_back(name + (result ? " left" : " failed " + std::to_string(result.error().code())));
    };
}

const Journal whole_shutdown{"a read ends",  "b read ends",  "c read ends", "c write ends",
                             "b write ends", "a write ends", "close"};

}  // namespace

TEST_CASE("what arrives goes through all slots to the right, what is written to the left") {
    Bench bench;
    for (const std::string name : {"a", "b", "c"}) {
        auto& probe = bench.add(name);
        probe.read = [name](Slot& slot, Slice got) { slot.pass_read(slice(std::string(got.text()) + name)); };
        probe.write = [name](Slot& slot, Message message) {
            message.data.append(slice(name));
            slot.pass_write(std::move(message));
        };
    }
    CHECK(bench.line.rightmost() == bench.slots[2]);
    bench.receive("in-");
    CHECK(bench.take_journal() == Journal{"a got in-", "b got in-a", "c got in-ab"});  // at once
    bench.slots[2]->write(slice("out-"));
    CHECK(bench.take_journal() == Journal{"b sends out-", "a sends out-b"});
    bench.slots[1]->write(slice("|mid-"));  // from the middle: only what is left of it
    bench.slots[0]->write(slice("|first"));
    CHECK(bench.take_journal() == Journal{"a sends |mid-"});
    CHECK(bench.wire.out.empty());
    bench.wire.finish(bench.line);
    CHECK(bench.wire.out == "out-ba|mid-a|first");
    CHECK(bench.wire.armed.empty());  // nobody has asked for a window
    CHECK_FALSE(bench.line.is_ending());
}

TEST_CASE("a message that the rightmost writes from its read, or when it is added, goes left") {
    Bench bench;
    bench.add("a");
    auto echo = bench.probe("b");
    echo->added = [](Slot& slot) { slot.write(slice("hello,")); };
    echo->read = [](Slot& slot, Slice got) { slot.write(std::move(got)); };
    bench.line.add(std::move(echo));
    bench.receive("x");
    CHECK(bench.journal == Journal{"a sends hello,", "a got x", "b got x", "a sends x"});
    bench.wire.finish(bench.line);
    CHECK(bench.wire.out == "hello,x");
}

TEST_CASE("the window of a single handler is what the carrier is armed with") {
    Bench bench;
    bench.add("a");
    auto& armed = bench.wire.armed;
    bench.receive(1000);
    bench.slots[0]->consumed(1000);
    CHECK(armed.empty());  // no window
    bench.slots[0]->window(100);
    CHECK(armed == std::vector<std::size_t>{100});
    bench.receive(30);
    CHECK(armed == std::vector<std::size_t>{100, 70});
    bench.receive(70);
    CHECK(armed == std::vector<std::size_t>{100, 70, 0});
    armed.clear();
    bench.slots[0]->consumed(10);  // no credit left: at once
    CHECK(armed == std::vector<std::size_t>{10});
    bench.receive(10);
    bench.slots[0]->consumed(100);
    CHECK(armed == std::vector<std::size_t>{10, 0, 100});
    armed.clear();
    bench.receive(60);
    bench.slots[0]->consumed(25);
    bench.slots[0]->consumed(24);
    CHECK(armed == std::vector<std::size_t>{40});  // less than half
    bench.slots[0]->consumed(1);
    CHECK(armed == std::vector<std::size_t>{40, 90});
    bench.slots[0]->consumed(60);  // more than came: never beyond the window
    CHECK(armed == std::vector<std::size_t>{40, 90, 100});
    bench.slots[0]->window(no_window);
    CHECK(armed.back() == no_window);
    bench.receive(1000);
    CHECK(armed.size() == 4);
}

TEST_CASE("what is consumed inside the read arms once, after it") {
    Bench bench;
    auto& probe = bench.add("a");
    auto& armed = bench.wire.armed;
    probe.read = [&](Slot& slot, Slice got) {
        const auto before = armed.size();
        slot.consumed(got.size());
        CHECK(armed.size() == before);
    };
    bench.slots[0]->window(100);
    bench.receive(30);
    bench.receive(30);
    bench.receive(100);
    CHECK(armed == std::vector<std::size_t>{100, 70, 100, 100});
    // A window set inside the read is one that is full after it.
    probe.read = [](Slot& slot, Slice) { slot.window(500); };
    bench.receive(100);
    CHECK(armed == std::vector<std::size_t>{100, 70, 100, 100, 500});
}

TEST_CASE("layers are asked from right to left what must come in") {
    Bench bench;
    auto& a = bench.add("a");
    auto& b = bench.add("b");
    auto& c = bench.add("c");
    auto& armed = bench.wire.armed;
    a.window = [](std::size_t bytes) { return bytes + 5; };
    b.window = [](std::size_t bytes) { return bytes * 2; };
    c.window = [](std::size_t) -> std::size_t { return 1; };  // the consumer is not asked
    std::size_t passes = 0;
    b.read = [&](Slot& slot, Slice got) {
        got.keep(passes);
        if (passes > 0) slot.pass_read(std::move(got));
    };
    bench.slots[2]->window(100);
    CHECK(armed == std::vector<std::size_t>{205});
    passes = 10;
    bench.receive(41);  // only what comes out to the right counts
    CHECK(armed == std::vector<std::size_t>{205, 185});
    passes = 0;
    bench.receive(41);
    CHECK(armed == std::vector<std::size_t>{205, 185, 185});
    passes = 90;
    const int asked = b.asked;
    bench.receive(185);
    CHECK(armed == std::vector<std::size_t>{205, 185, 185, 0});  // no overhead either
    CHECK(b.asked == asked);
    bench.slots[2]->consumed(7);
    CHECK(armed.back() == 19);
    CHECK(b.asked == asked + 1);
    CHECK(a.asked == b.asked);
    CHECK(c.asked == 0);
}

TEST_CASE("a record may overdraw the window, then nothing is armed until something is consumed") {
    Bench bench;
    auto& layer = bench.add("layer");
    bench.add("rightmost");
    layer.window = [](std::size_t bytes) { return bytes + 5; };
    std::string held;
    layer.read = [&](Slot& slot, Slice got) {  // records of 60 bytes
        held += got.text();
        while (held.size() >= 60) {
            slot.pass_read(slice(held.substr(0, 60)));
            held.erase(0, 60);
        }
    };
    bench.slots[1]->window(100);
    bench.receive(60);
    bench.receive(45);
    bench.receive(15);
    CHECK(bench.wire.armed == std::vector<std::size_t>{105, 45, 45, 0});
    CHECK(held.empty());
    bench.slots[1]->consumed(120);
    CHECK(bench.wire.armed.back() == 105);  // the window, not what was read
}

TEST_CASE("a layer's empty record reaches the rightmost") {
    Bench bench;
    auto& layer = bench.add("a");
    bench.add("b");
    bench.add("c");
    layer.read = [](Slot& slot, Slice got) {
        got.keep(0);
        slot.pass_read(std::move(got));
    };
    bench.slots[2]->window(100);
    bench.receive("x");
    CHECK(bench.journal == Journal{"a got x", "b got ", "c got "});
    CHECK(bench.wire.armed == std::vector<std::size_t>{100, 100});
}

TEST_CASE("completions come once, in order, after the bytes have left, never inside the write") {
    Bench bench;
    auto& layer = bench.add("a");
    bench.add("b");
    layer.write = [](Slot& slot, Message message) {
        message.data.append(slice("..."));  // a record is done when its last byte has left
        slot.pass_write(std::move(message));
    };
    auto& b = *bench.slots[1];
    b.write(slice("one"), note(bench.journal, "one"));
    b.write(slice("two"));
    b.write(slice("three"), [&](Result<void> result) {
        CHECK(result.has_value());
        bench.journal.emplace_back("three left");
        b.write(slice("five"), note(bench.journal, "five"));
    });
    b.write(slice("four"), note(bench.journal, "four"));
    CHECK(bench.take_journal() == Journal{"a sends one", "a sends two", "a sends three", "a sends four"});
    bench.wire.leave(bench.line, 5);
    CHECK(bench.take_journal().empty());
    bench.wire.leave(bench.line, 1);
    CHECK(bench.take_journal() == Journal{"one left"});
    bench.wire.leave(bench.line, 13);
    CHECK(bench.take_journal().empty());
    bench.wire.leave(bench.line, 8);
    CHECK(bench.take_journal() == Journal{"three left", "a sends five", "four left"});
    bench.wire.finish(bench.line);
    CHECK(bench.take_journal() == Journal{"five left"});
    bench.line.abort();
    bench.wire.finish(bench.line);
    bench.turn();
    CHECK(std::ranges::none_of(bench.journal, [](const auto& line) { return line.ends_with("left"); }));
    CHECK(std::ranges::none_of(bench.journal, [](const auto& line) { return line.contains("failed"); }));
    CHECK(bench.wire.out == "one...two...three...four...five...");
}

TEST_CASE("completions hear the error when the pipeline ends before their bytes have left") {
    const auto reset = std::to_string(ECONNRESET);
    {
        Bench bench;
        bench.add("a");
        auto& a = *bench.slots[0];
        a.write(slice("one"), note(bench.journal, "one"));
        a.write(slice("two"), note(bench.journal, "two"));
        a.write(slice("three"), note(bench.journal, "three"));
        bench.wire.leave(bench.line, 4);
        bench.line.abort(Error::os(ECONNRESET));
        CHECK(bench.take_journal() == Journal{"one left", "abort"});
        bench.wire.finish(bench.line);
        CHECK(bench.take_journal() ==
              Journal{"a read ends", "a write ends", "two failed " + reset, "three failed " + reset});
        // And later ones, but not inside the write.
        a.write(slice("four"), note(bench.journal, "four"));
        CHECK(bench.take_journal().empty());
        bench.turn();
        CHECK(bench.take_journal() == Journal{"four failed " + std::to_string(EPIPE)});
        bench.wire.finish(bench.line);
        bench.turn();
        CHECK(bench.take_journal().empty());
    }
    Journal journal;  // the pipeline dies without an end
    {
        Bench bench;
        bench.add("a");
        bench.slots[0]->write(slice("one"), note(journal, "one"));
    }
    CHECK(journal == Journal{"one failed " + std::to_string(ECONNABORTED)});
}

TEST_CASE("shutdown goes through the read direction to the right, then the write direction to the left") {
    for (const auto* by : {"close", "peer", "slot"}) {
        CAPTURE(by);
        Bench bench;
        auto& a = bench.add("a");
        bench.add("b");
        auto& c = bench.add("c");
        const std::string way = by;
        if (way == "close") bench.line.close();
        if (way == "peer") bench.line.receive_end();
        if (way == "slot") bench.slots[1]->shut_down(Error::user(7, "first"));
        CHECK(bench.line.is_ending());
        CHECK_FALSE(bench.line.is_closed());
        bench.line.close();  // no second time
        CHECK(bench.take_journal() == whole_shutdown);
        bench.wire.finish(bench.line);
        CHECK(bench.line.is_closed());
        CHECK(bench.take_journal().empty());
        const auto error = way == "slot" ? Error::user(7, "") : Error();
        CHECK(a.heard == error);
        CHECK(c.heard == error);
    }
}

TEST_CASE("of several errors the first is told") {
    Bench bench;
    auto& a = bench.add("a");
    auto& b = bench.add("b");
    a.shutdown = [](Slot&, Direction) {};  // holds
    bench.line.shut_down(Error::user(1, "first"));
    bench.line.shut_down(Error::user(2, "second"));
    CHECK(a.heard == Error::user(1, ""));
    bench.line.abort(Error::user(3, "third"));
    CHECK(bench.wire.why == Error::user(1, ""));
    bench.line.closed(Error::user(4, "fourth"));
    CHECK(b.heard == Error::user(1, ""));
    Bench other;  // no error, then one
    other.add("a").shutdown = [](Slot&, Direction) {};
    other.line.close();
    other.line.abort(Error::user(5, "late"));
    CHECK(other.wire.why == Error::user(5, ""));
}

TEST_CASE("a slot that is not done yet holds its direction") {
    Bench bench;
    bench.add("a");
    auto& b = bench.add("b");
    bench.add("c");
    b.shutdown = [](Slot&, Direction) {};
    bench.line.close();
    CHECK(bench.take_journal() == Journal{"a read ends", "b read ends"});
    bench.slots[2]->shutdown_done(Direction::read);  // not its turn
    bench.slots[0]->shutdown_done(Direction::read);
    bench.slots[1]->shutdown_done(Direction::write);  // not this direction
    CHECK(bench.take_journal().empty());
    bench.slots[2]->write(slice("still "));
    bench.slots[1]->shutdown_done(Direction::read);
    CHECK(bench.take_journal() ==
          Journal{"b sends still ", "a sends still ", "c read ends", "c write ends", "b write ends"});
    bench.slots[1]->shutdown_done(Direction::read);  // has been
    CHECK(bench.take_journal().empty());
    bench.slots[1]->write(slice("alive"));
    bench.slots[1]->shutdown_done(Direction::write);
    CHECK(bench.take_journal() == Journal{"a sends alive", "a write ends", "close"});
    bench.slots[1]->shutdown_done(Direction::write);
    CHECK(bench.take_journal().empty());
    bench.wire.finish(bench.line);
    CHECK(bench.wire.out == "still alive");
    CHECK(bench.journal.empty());
}

TEST_CASE("who has not heard of the end hears of it when the carrier has ended") {
    const Journal reads{"a read ends", "b read ends", "c read ends"};
    const Journal writes{"c write ends", "b write ends", "a write ends"};
    auto both = reads;
    both.insert(both.end(), writes.begin(), writes.end());
    for (const auto held : {Direction::read, Direction::write}) {
        Bench bench;
        bench.add("a");
        auto& b = bench.add("b");
        bench.add("c");
        b.shutdown = [held](Slot& slot, Direction direction) {
            if (direction != held) slot.shutdown_done(direction);
        };
        bench.line.close();
        bench.line.closed(Error::os(ECONNRESET));
        CHECK(bench.take_journal() == both);  // each once
        CHECK(bench.line.is_closed());
        bench.slots[1]->shutdown_done(held);
        bench.receive("late");
        bench.line.closed(Error());
        bench.line.abort();
        CHECK(bench.journal.empty());
    }
    Bench bench;
    bench.add("a");
    auto& b = bench.add("b");
    bench.add("c");
    bench.line.closed(Error::os(ECONNRESET));
    CHECK(bench.journal == both);
    CHECK(b.heard == Error::os(ECONNRESET));
}

TEST_CASE("what is written in on_shutdown still goes out, after the end nothing does") {
    Bench bench;
    for (const std::string name : {"a", "b"}) {
        bench.add(name).shutdown = [&bench, name](Slot& slot, Direction direction) {
            slot.write(slice(name + (direction == Direction::read ? "-read " : "-write ")),
                       note(bench.journal, name));
            slot.shutdown_done(direction);
        };
    }
    bench.line.close();
    bench.slots[1]->write(slice("too late"), note(bench.journal, "late"));
    CHECK(bench.wire.is_closing);
    CHECK(bench.wire.out.empty());
    bench.take_journal();
    bench.wire.finish(bench.line);
    CHECK(bench.wire.out == "a-read b-read b-write a-write ");
    bench.turn();
    CHECK(bench.journal ==
          Journal{"a left", "b left", "b left", "a left", "late failed " + std::to_string(EPIPE)});
}

TEST_CASE("a close sends what is queued, an abort drops it") {
    for (const bool graceful : {true, false}) {
        Bench bench;
        bench.add("a");
        bench.slots[0]->write(slice("queued"), note(bench.journal, "queued"));
        if (graceful)
            bench.line.close();
        else
            bench.line.abort();
        bench.wire.finish(bench.line);
        CHECK(bench.line.is_closed());
        CHECK(bench.wire.out == (graceful ? "queued" : ""));
        if (graceful)
            CHECK(bench.journal == Journal{"a read ends", "a write ends", "close", "queued left"});
        else
            CHECK(bench.journal == Journal{"abort", "a read ends", "a write ends",
                                           "queued failed " + std::to_string(ECONNABORTED)});
    }
    Bench bench;  // without slots
    bench.line.close();
    CHECK(bench.journal == Journal{"close"});
}

TEST_CASE("a handler replaces itself in its read, and dies at the end of the turn") {
    Bench bench;
    bench.add("a");
    auto& old = bench.add("b");
    bench.add("c");
    int alive = 1;
    old.alive = &alive;
    old.read = [&](Slot& slot, Slice got) {
        auto next = bench.probe("new");
        next->added = [](Slot& in) { in.write(slice("switched")); };
        slot.pipeline().replace(slot, std::move(next));
        slot.pass_read(std::move(got));
    };
    bench.receive("x");
    CHECK(alive == 1);
    CHECK(bench.take_journal() == Journal{"a got x", "b got x", "a sends switched", "c got x"});
    bench.turn();
    CHECK(alive == 0);
    bench.receive("y");
    bench.slots[2]->write(slice("z"));
    CHECK(bench.take_journal() == Journal{"a got y", "new got y", "c got y", "new sends z", "a sends z"});
}

TEST_CASE("slots leave inside their callbacks: the first, one between, the last") {
    for (std::size_t at = 0; at < 3; ++at) {
        CAPTURE(at);
        Bench bench;
        const Journal names{"a", "b", "c"};
        std::vector<Probe*> probes;
        for (const auto& name : names) probes.push_back(&bench.add(name));
        int alive = 1;
        probes[at]->alive = &alive;
        probes[at]->read = [](Slot& slot, Slice got) {
            slot.pipeline().remove(slot);
            slot.pass_read(std::move(got));
        };
        bench.receive("x");
        CHECK(alive == 1);
        CHECK(bench.take_journal() == Journal{"a got x", "b got x", "c got x"});
        bench.turn();
        CHECK(alive == 0);
        auto left = names;
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
        bench.receive("y");
        CHECK(bench.take_journal() == Journal{left[0] + " got y", left[1] + " got y"});
        CHECK(bench.line.rightmost() == bench.slots[at == 2 ? 1 : 2]);
        bench.line.rightmost()->write(slice("z"));
        CHECK(bench.take_journal() == Journal{left[0] + " sends z"});
        bench.line.close();
        CHECK(bench.take_journal() == Journal{left[0] + " read ends", left[1] + " read ends",
                                              left[1] + " write ends", left[0] + " write ends", "close"});
    }
    Bench bench;  // and its neighbours
    bench.add("a");
    auto& b = bench.add("b");
    bench.add("c");
    b.read = [&](Slot& slot, Slice got) {
        slot.pipeline().remove(*bench.slots[0]);
        slot.pipeline().remove(*bench.slots[2]);
        slot.pass_read(std::move(got));
        slot.write(slice("answer"));
    };
    bench.receive("x");
    bench.turn();
    CHECK(bench.journal == Journal{"a got x", "b got x"});
    bench.wire.finish(bench.line);
    CHECK(bench.wire.out == "answer");
}

TEST_CASE("a slot that leaves in its shutdown does not hold it") {
    for (const auto when : {Direction::read, Direction::write}) {
        for (const bool at_once : {true, false}) {
            Bench bench;
            bench.add("a");
            auto& b = bench.add("b");
            bench.add("c");
            b.shutdown = [=](Slot& slot, Direction direction) {
                if (direction != when) return slot.shutdown_done(direction);
                if (at_once) slot.pipeline().remove(slot);
            };
            bench.line.close();
            if (!at_once) {
                CHECK_FALSE(bench.wire.is_closing);
                bench.line.remove(*bench.slots[1]);
            }
            bench.turn();
            auto expected = whole_shutdown;
            if (when == Direction::read) std::erase(expected, "b write ends");
            CHECK(bench.take_journal() == expected);
            bench.wire.finish(bench.line);
            CHECK(bench.journal.empty());
        }
    }
}

TEST_CASE("a handler that throws ends its pipeline only") {
    for (const auto* where : {"read", "writable", "drain", "shutdown", "done"}) {
        CAPTURE(where);
        Bench bench;
        auto& a = bench.add("a");
        auto& b = bench.add("b");
        Wire other_wire(bench.journal);
        Pipeline other(bench.worker, other_wire);
        std::string got;
        auto reader = bench.probe("other");
        reader->read = [&](Slot& slot, Slice more) {
            got += more.text();
            slot.write(std::move(more));
        };
        other.add(std::move(reader));

        const std::string at = where;
        auto blow = [] { throw std::runtime_error("on purpose"); };
        b.read = [&](Slot&, Slice) { blow(); };
        b.writable = b.drain = [&](Slot&) { blow(); };
        bool is_first = true;
        b.shutdown = [&](Slot& slot, Direction direction) {
            if (at == "shutdown" && std::exchange(is_first, false)) blow();
            slot.shutdown_done(direction);
        };
        if (at == "read") bench.receive("x");
        if (at == "writable") bench.line.writable();
        if (at == "drain") bench.line.drain();
        if (at == "shutdown") bench.line.close();
        if (at == "done") {
            bench.slots[1]->write(slice("x"), [&](Result<void>) { blow(); });
            bench.wire.leave(bench.line, 1);
        }
        CHECK(bench.wire.is_aborted);
        CHECK(bench.wire.why == Error::os(EFAULT));
        CHECK_FALSE(bench.wire.is_closing);
        bench.wire.finish(bench.line);
        CHECK(bench.line.is_closed());
        CHECK(a.heard == Error::os(EFAULT));
        for (const std::string heard : {"a read ends", "b read ends", "b write ends", "a write ends"})
            CHECK(std::ranges::count(bench.journal, heard) == 1);
        bench.turn();

        CHECK_FALSE(other.is_ending());
        other.received(slice("more"));
        other_wire.finish(other);
        CHECK(got == "more");
        CHECK(other_wire.out == "more");
    }
}

TEST_CASE("after a handler has thrown in its read the window is armed outside of reads again") {
    Bench bench;
    auto& a = bench.add("a");
    bench.slots[0]->window(100);
    a.read = [](Slot&, Slice) { throw std::runtime_error("on purpose"); };
    bench.receive(100);
    bench.slots[0]->consumed(100);
    CHECK(bench.wire.armed == std::vector<std::size_t>{100, 0, 100});
}

TEST_CASE("a drain asks the rightmost, whose default closes") {
    Bench bench;
    bench.add("a");
    bench.add("b");
    auto& c = bench.add("c");
    c.drain = [](Slot&) {};  // goes on
    bench.line.drain();
    CHECK(bench.take_journal() == Journal{"c drains"});
    CHECK_FALSE(bench.line.is_ending());
    c.drain = nullptr;
    bench.line.drain();
    auto expected = whole_shutdown;
    expected.insert(expected.begin(), "c drains");
    CHECK(bench.take_journal() == expected);
    Bench empty;
    empty.line.drain();
    CHECK(empty.journal == Journal{"close"});
}

TEST_CASE("beyond the high mark a slot is not writable, and all hear when it is again") {
    Bench bench;
    bench.add("a");
    bench.add("b");
    auto& b = *bench.slots[1];
    b.write(slice(std::string(Pipeline::high_bytes - 1, 'x')));
    CHECK(b.is_writable());
    b.write(slice("x"));
    CHECK_FALSE(b.is_writable());
    bench.wire.leave(bench.line, 1);
    CHECK(b.is_writable());
    bench.take_journal();
    bench.line.writable();
    CHECK(bench.take_journal() == Journal{"a writable", "b writable"});
}

TEST_CASE("what a record overdraws is paid back before more comes in") {
    Bench bench;
    auto& layer = bench.add("layer");
    bench.add("r");
    std::string held;
    std::size_t out = 0;
    layer.read = [&](Slot& slot, Slice got) {
        held += got.text();
        for (; held.size() >= 50; held.erase(0, 50)) {
            out += 50;
            slot.pass_read(slice(held.substr(0, 50)));
        }
    };
    bench.slots[1]->window(100);
    std::size_t most = 0;
    for (std::size_t eaten = 0; eaten < 500; ++eaten) {
        while (bench.wire.armed.back() > 0) bench.receive(bench.wire.armed.back());
        most = std::max(most, out - eaten);
        bench.slots[1]->consumed(1);
    }
    CHECK(most <= 150);  // the window and one record
}

TEST_CASE("what waits for its batch takes effect when the credit runs out") {
    Bench bench;
    bench.add("r");
    bench.slots[0]->window(100);
    bench.receive(40);
    bench.slots[0]->consumed(40);
    bench.receive(60);
    CHECK(bench.wire.armed.back() == 40);
}

TEST_CASE("a message without bytes is done in its turn, behind those before it") {
    Bench bench;
    bench.add("r");
    bench.slots[0]->write({Chain(), note(bench.journal, "empty")});
    CHECK(bench.take_journal() == Journal{});
    bench.turn();
    CHECK(bench.take_journal() == Journal{"empty left"});
    bench.slots[0]->write(slice("x"), note(bench.journal, "x"));
    bench.slots[0]->write({Chain(), note(bench.journal, "empty")});
    bench.turn();
    CHECK(bench.take_journal() == Journal{});
    bench.wire.leave(bench.line, 1);
    CHECK(bench.take_journal() == Journal{"x left", "empty left"});
}

TEST_CASE("nothing is read any more once the read direction has ended") {
    Bench bench;
    bench.add("a");
    bench.line.close();
    bench.take_journal();
    bench.receive("late");
    CHECK(bench.take_journal() == Journal{});
}

TEST_CASE("who is replaced while it holds the end holds it no longer") {
    Bench bench;
    auto& a = bench.add("a");
    a.shutdown = [](Slot&, Direction) {};
    bench.line.close();
    bench.line.replace(*bench.slots[0], bench.probe("new"));
    bench.turn();
    CHECK(bench.wire.is_closing);
    CHECK(bench.take_journal() == Journal{"a read ends", "new write ends", "close"});
}
