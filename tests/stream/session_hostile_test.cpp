// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/frame_reader.hpp>
#include <penstock/stream/frame_writer.hpp>

#include <array>
#include <map>

#include <stream/session_world.hpp>

using namespace penstock;
using namespace penstock::test;
using crypto::Code;
using stream::ChannelId;
using stream::DataFrame;
using stream::FrameWriter;

namespace {

constexpr std::uint8_t line = 0x10;

/// A carrier that keeps what is sent.
struct MemoryCarrier final : stream::Carrier {
    bool is_writable() const override { return is_open; }
    std::span<std::byte> room(std::size_t) override { return buffer; }
    void send(std::size_t bytes) override { records.emplace_back(Bytes(buffer.data(), bytes).text()); }
    void close() override { closed = true; }
    void abort(Error error) override { aborted = error; }
    std::array<std::byte, stream::record_plain_bytes_max> buffer;
    std::vector<std::string> records;
    std::optional<Error> aborted;
    bool closed = false, is_open = true;
};

/// A server's session whose peer is the test: it says which frames come.
struct Victim {
    explicit Victim(std::uint64_t seed = 1) : sim(seed), side(sim.add_host()) {
        const core::Home::Entered entered(&side.worker);
        add(*side.table, 'A', {.window_bytes = 8192, .message_bytes_max = 1000, .instances_max = 3}, probe);
        add(*side.table, 'P', {.window_bytes = 8192, .whole_messages = false}, pieces);
        add(*side.table, 'B', {.window_bytes = 64 << 10}, big);
        auto terms = terms_of(stream::Role::server, *side.table);
        terms.connection_window_bytes = 40'000;
        side.make(terms);
        side.session->attach(carrier);
        sim.run_for(1ms);
    }
    ~Victim() {
        const core::Home::Entered entered(&side.worker);
        side.session = nullptr;
    }
    template <class F>
    void record(F write) {
        if (side.session == nullptr) return;
        std::array<std::byte, stream::record_plain_bytes_max> room;
        FrameWriter writer(room);
        write(writer);
        const core::Home::Entered entered(&side.worker);
        side.session->received(Slice::copy(Bytes(room.data(), writer.size())));
    }
    void settings() {
        record([](FrameWriter& writer) { REQUIRE(writer.settings({})); });
    }
    void data(const DataFrame& frame) {
        record([&](FrameWriter& writer) { REQUIRE(writer.data(frame)); });
    }
    void run(std::chrono::nanoseconds time = 1ms) { sim.run_for(time); }

    events::Simulation sim;
    Probe probe, pieces, big;
    MemoryCarrier carrier;
    Side side;
};

DataFrame whole(ChannelId id, std::string_view text, std::optional<std::uint64_t> offset = {}) {
    return {.channel = id, .type = line, .begins = true, .ends = true, .offset = offset, .data = text};
}

const ChannelId a('A', 0), p('P', 0), big_id('B', 0);
const std::string much(20'000, 'm');

struct Fault {
    const char* what;
    Code code;
    void (*commit)(Victim&);
};

/// Each begins behind SETTINGS, and with a first message "hello" on A at offset 0 (cost 21).
const Fault faults[] = {
    {"SETTINGS twice", Code::protocol, [](Victim& v) { v.settings(); }},
    {"an unknown letter", Code::channel_unknown, [](Victim& v) { v.data(whole(ChannelId('Z', 0), "", 0)); }},
    {"an instance that was not opened", Code::channel_unknown,
     [](Victim& v) { v.data(whole(ChannelId('A', 1), "x", 0)); }},
    {"opened without an offset", Code::channel_unknown,
     [](Victim& v) {
         auto frame = whole(ChannelId('A', 1), "");
         frame.type = 0;
         v.data(frame);
     }},
    {"opened at another offset", Code::channel_unknown,
     [](Victim& v) {
         auto frame = whole(ChannelId('A', 1), "", 5);
         frame.type = 0;
         v.data(frame);
     }},
    {"an instance of ours that we did not open", Code::channel_unknown,
     [](Victim& v) {
         auto frame = whole(ChannelId('A', stream::instance_by_server | 1), "", 0);
         frame.type = 0;
         v.data(frame);
     }},
    {"no offset in the first piece", Code::offset, [](Victim& v) { v.data(whole(p, "x")); }},
    {"a wrong offset", Code::offset, [](Victim& v) { v.data(whole(a, "x", 20)); }},
    {"a reserved type", Code::protocol,
     [](Victim& v) {
         auto frame = whole(a, "x");
         frame.type = 0x0F;
         v.data(frame);
     }},
    {"OPEN on an open channel", Code::protocol,
     [](Victim& v) {
         auto frame = whole(a, "x");
         frame.type = 0;
         v.data(frame);
     }},
    {"a message above the maximum", Code::message_too_big,
     [](Victim& v) { v.data(whole(a, std::string_view(much).substr(0, 1001))); }},
    {"a message that says it is above the maximum", Code::message_too_big,
     [](Victim& v) {
         v.data({.channel = a, .type = line, .begins = true, .total_bytes = 1001, .data = "x"});
     }},
    {"a piece of no message", Code::frame, [](Victim& v) { v.data({.channel = a, .data = "x"}); }},
    {"a message inside a message", Code::frame,
     [](Victim& v) {
         v.data({.channel = a, .type = line, .begins = true, .total_bytes = 10, .data = "x"});
         v.data(whole(a, "x"));
     }},
    {"an end inside a message", Code::frame,
     [](Victim& v) {
         v.data({.channel = a, .type = line, .begins = true, .total_bytes = 10, .data = "x"});
         v.data({.channel = a, .is_fin = true});
     }},
    {"longer than it said", Code::frame,
     [](Victim& v) {
         v.data({.channel = a, .type = line, .begins = true, .total_bytes = 3, .data = "x"});
         v.data({.channel = a, .data = "abc"});
     }},
    {"shorter than it said", Code::frame,
     [](Victim& v) {
         v.data({.channel = a, .type = line, .begins = true, .total_bytes = 3, .data = "x"});
         v.data({.channel = a, .ends = true, .data = "a"});
     }},
    {"above the channel's window", Code::flow,
     [](Victim& v) {
         v.probe.channels[0]->ready_to_read(false);
         for (int i = 0; i < 9; ++i) v.data(whole(a, std::string_view(much).substr(0, 1000)));
     }},
    {"a flood of empty messages", Code::flow,
     [](Victim& v) {
         v.probe.channels[0]->ready_to_read(false);
         for (int i = 0; i < 512; ++i) v.data(whole(a, ""));
     }},
    {"above the connection's window", Code::flow,
     [](Victim& v) {
         for (std::size_t sent = 0; sent < 45'000; sent += 15'000)
             v.data(whole(big_id, std::string_view(much).substr(0, 15'000),
                          sent == 0 ? std::optional<std::uint64_t>(0) : std::nullopt));
     }},
    {"behind the end", Code::final_size,
     [](Victim& v) {
         v.probe.end = [](stream::Channel&) {};
         v.data({.channel = a, .is_fin = true});
         v.data(whole(a, "x"));
     }},
    {"RESET before what was sent", Code::final_size,
     [](Victim& v) { v.record([](FrameWriter& w) { REQUIRE(w.reset({a, Code::cancelled, 20})); }); }},
    {"RESET above the window", Code::flow,
     [](Victim& v) { v.record([](FrameWriter& w) { REQUIRE(w.reset({a, Code::cancelled, 10'000})); }); }},
    {"RESET at another end", Code::final_size,
     [](Victim& v) {
         v.data({.channel = a, .is_fin = true});
         v.record([](FrameWriter& w) { REQUIRE(w.reset({a, Code::cancelled, 22})); });
     }},
    {"RESET of no channel", Code::channel_unknown,
     [](Victim& v) {
         v.record([](FrameWriter& w) { REQUIRE(w.reset({ChannelId('A', 1), Code::cancelled, 0})); });
     }},
    {"STOP of no channel", Code::channel_unknown,
     [](Victim& v) {
         v.record([](FrameWriter& w) { REQUIRE(w.stop({ChannelId('Q', 0), Code::cancelled})); });
     }},
    {"a window of no channel", Code::channel_unknown,
     [](Victim& v) { v.record([](FrameWriter& w) { REQUIRE(w.window({ChannelId('A', 9), 0, 100})); }); }},
    {"more consumed than was sent", Code::flow,
     [](Victim& v) { v.record([](FrameWriter& w) { REQUIRE(w.window({a, 1, 100})); }); }},
    {"more of the connection consumed than was sent", Code::flow,
     [](Victim& v) { v.record([](FrameWriter& w) { REQUIRE(w.window({ChannelId(), 1, 100})); }); }},
    {"an end acknowledged that was not sent", Code::flow,
     [](Victim& v) { v.record([](FrameWriter& w) { REQUIRE(w.window({a, 0, 100, true})); }); }},
    {"RESUME without a session before", Code::protocol,
     [](Victim& v) {
         v.record([](FrameWriter& w) {
             std::span<const stream::ResumeEntry> none;
             REQUIRE(w.resume(none, {}));
         });
     }},
    {"a frame of an unknown kind", Code::protocol,
     [](Victim& v) {
         const core::Home::Entered entered(&v.side.worker);
         v.side.session->received(Slice::copy(std::string_view("\x05\0\0\0", 4)));
     }},
    {"a frame longer than its record", Code::frame,
     [](Victim& v) {
         const core::Home::Entered entered(&v.side.worker);
         v.side.session->received(Slice::copy(std::string_view("\x10\x10\0\x05", 4)));
     }},
};

}  // namespace

TEST_CASE("each fault of a peer ends its session with the code of the fault, counted once") {
    for (const auto& fault : faults) {
        CAPTURE(fault.what);
        Victim victim;
        victim.settings();
        victim.data(whole(a, "hello", 0));
        REQUIRE_FALSE(victim.side.ended);
        fault.commit(victim);
        REQUIRE(victim.side.ended);
        CHECK(crypto::is(*victim.side.ended, fault.code));
        REQUIRE(victim.carrier.aborted);
        CHECK(victim.side.worker.local<stream::EndCounters>().of(fault.code).value() == 1);
        CHECK(victim.probe.got.at(0) == "hello");
        for (auto* probe : {&victim.probe, &victim.pieces, &victim.big}) {
            REQUIRE(probe->closed.size() == probe->channels.size());
            for (const auto& closed : probe->closed)
                if (!crypto::is(closed.error, Code::session_lost)) CHECK_FALSE(closed.error);
        }
        victim.run();
    }
}

TEST_CASE("the first frame is SETTINGS") {
    Victim victim;
    victim.data(whole(a, "hello", 0));
    REQUIRE(victim.side.ended);
    CHECK(crypto::is(*victim.side.ended, Code::protocol));
    CHECK(victim.probe.got.empty());
}

TEST_CASE("what is at the edge of a limit is taken") {
    Victim victim;
    victim.settings();
    victim.probe.open = {};
    victim.data(whole(a, std::string_view(much).substr(0, 1000), 0));
    victim.probe.channels[0]->ready_to_read(false);
    for (int i = 0; i < 7; ++i) victim.data(whole(a, std::string_view(much).substr(0, 1000)));
    victim.data(whole(a, std::string_view(much).substr(0, 8192 - 8 * 1016 - 16)));
    CHECK_FALSE(victim.side.ended);
    victim.data(whole(big_id, std::string_view(much).substr(0, 15'000), 0));
    victim.data(whole(big_id, std::string_view(much).substr(0, 15'000)));
    CHECK_FALSE(victim.side.ended);
}

TEST_CASE("frames of channels that are gone are passed over") {
    Victim victim;
    victim.settings();
    victim.data({.channel = a, .is_fin = true, .offset = 0});
    victim.run();
    victim.record([](FrameWriter& w) { REQUIRE(w.window({a, 0, 8192, true})); });
    victim.run();
    CHECK(victim.side.session->find('A') == nullptr);
    CHECK(victim.side.session->channels() == 2);
    victim.data(whole(a, "late"));
    victim.record([](FrameWriter& w) {
        REQUIRE(w.window({a, 0, 8192}));
        REQUIRE(w.reset({a, Code::cancelled, 0}));
        REQUIRE(w.stop({a, Code::cancelled}));
    });
    victim.run();
    CHECK_FALSE(victim.side.ended);
}

TEST_CASE("instances beyond the limit are reset, and no other is harmed") {
    Victim victim;
    victim.settings();
    for (std::uint32_t i = 1; i <= 4; ++i) {
        auto frame = whole(ChannelId('A', i), "open", 0);
        frame.type = 0;
        victim.data(frame);
    }
    victim.run();
    CHECK_FALSE(victim.side.ended);
    CHECK(victim.probe.channels.size() == 3);
    std::size_t resets = 0;
    for (const auto& record : victim.carrier.records) {
        stream::FrameReader frames{Bytes(record)};
        while (const auto frame = frames.next())
            if (const auto* reset = std::get_if<stream::ResetFrame>(&*frame)) {
                ++resets;
                CHECK(reset->code == Code::channel_limit);
                CHECK(reset->channel.instance() > 2);
            }
    }
    CHECK(resets == 2);
}

TEST_CASE("a writer that is blocked goes on reading, and owes one window a channel") {
    Victim victim;
    victim.settings();
    victim.carrier.is_open = false;
    const auto before = victim.carrier.records.size();
    victim.data(whole(a, std::string_view(much).substr(0, 1000), 0));
    for (int i = 0; i < 7; ++i) {
        victim.data(whole(a, std::string_view(much).substr(0, 1000)));
        victim.run(30ms);
    }
    CHECK(victim.probe.got.size() == 8);
    CHECK(victim.carrier.records.size() == before);
    victim.carrier.is_open = true;
    const core::Home::Entered entered(&victim.side.worker);
    victim.side.session->writable();
    REQUIRE(victim.carrier.records.size() == before + 1);
    stream::FrameReader frames{Bytes(victim.carrier.records.back())};
    const auto frame = frames.next();
    REQUIRE(frame);
    const auto* window = std::get_if<stream::WindowFrame>(&*frame);
    REQUIRE(window != nullptr);
    CHECK(window->entries.size() == 1);
    CHECK((*window->entries.begin()).consumed == 8 * 1016);
    CHECK_FALSE(frames.next());
}

TEST_CASE("WINDOW waits for company for 25 ms, and not at all at half a window") {
    Victim victim;
    victim.settings();
    victim.run();
    const auto before = victim.carrier.records.size();
    victim.data(whole(a, std::string_view(much).substr(0, 1000), 0));
    victim.run(20ms);
    CHECK(victim.carrier.records.size() == before);
    victim.run(10ms);
    CHECK(victim.carrier.records.size() == before + 1);
    for (int i = 0; i < 5; ++i) victim.data(whole(a, std::string_view(much).substr(0, 1000)));
    victim.run(1ms);
    CHECK(victim.carrier.records.size() == before + 2);
}

TEST_CASE("one that has much to send gets 4 KiB at a time while others wait") {
    Victim victim;
    victim.settings();
    {
        const core::Home::Entered entered(&victim.side.worker);
        CHECK(victim.side.session->find('B')->send(line, much) == Sent::more);
        CHECK(victim.side.session->find('B')->send(line, much) == Sent::more);
        CHECK(victim.side.session->find('P')->send(line, std::string_view(much).substr(0, 8000)) ==
              Sent::more);
    }
    victim.run();
    std::map<char, std::size_t> bytes;
    for (const auto& record : victim.carrier.records) {
        stream::FrameReader frames{Bytes(record)};
        while (const auto frame = frames.next())
            if (const auto* data = std::get_if<DataFrame>(&*frame)) {
                bytes[data->channel.letter()] += data->data.size();
                if (bytes['P'] < 8000) CHECK(bytes['B'] <= bytes['P'] + 4096);
            }
    }
    CHECK(bytes['P'] == 8000);
    CHECK(bytes['B'] == 32'000);  // then the connection's window is full
}

TEST_CASE("frames at random never do more than end the session") {
    for (const auto seed : events::seeds(300)) {
        CAPTURE(seed);
        Victim victim(seed);
        core::SeededRandom random(seed);
        victim.settings();
        for (int i = 0; i < 60 && victim.side.session != nullptr; ++i) {
            const auto id = std::array{a,
                                       p,
                                       big_id,
                                       ChannelId('A', 1),
                                       ChannelId('A', 2),
                                       ChannelId('A', stream::instance_by_server | 1)}[random.below(6)];
            auto* channel = victim.side.session->find(id.letter(), id.instance());
            const core::Home::Entered entered(&victim.side.worker);
            switch (random.below(12)) {
                case 0: std::ignore = victim.side.session->open('A', "x"); break;
                case 1:
                    if (channel != nullptr) channel->abort(Error::user(1, "x"));
                    break;
                case 2:
                    if (channel != nullptr) channel->close();
                    break;
                case 3:
                    if (channel != nullptr) channel->ready_to_read(random.below(2) == 0);
                    break;
                case 4:
                    if (channel != nullptr) std::ignore = channel->send(line, much);
                    break;
                case 5: victim.record([&](FrameWriter& w) { REQUIRE(w.stop({id, Code::cancelled})); }); break;
                case 6:
                    victim.record([&](FrameWriter& w) {
                        REQUIRE(w.reset({id, Code::cancelled, random.below(3) * 16}));
                    });
                    break;
                case 7:
                    victim.record([&](FrameWriter& w) {
                        REQUIRE(w.window({id, random.below(2) * 16, 8192, random.below(4) == 0}));
                    });
                    break;
                default: {
                    auto frame = whole(id, std::string_view(much).substr(0, random.below(3) * 400));
                    if (random.below(3) != 0) frame.offset = random.below(3) * 16;
                    if (random.below(3) == 0) frame.type = 0;
                    if (random.below(4) == 0) frame.is_fin = true;
                    victim.data(frame);
                }
            }
            if (random.below(3) == 0) victim.run(std::chrono::milliseconds(random.below(40)));
        }
        victim.run(1s);
        for (auto* probe : {&victim.probe, &victim.pieces, &victim.big}) {
            if (victim.side.ended) CHECK(probe->closed.size() == probe->channels.size());
            CHECK(probe->closed.size() <= probe->channels.size());
        }
    }
}

TEST_CASE("a flipped bit anywhere in the stream of records ends the connection, with nothing wrong taken") {
    for (const auto seed : events::seeds(40)) {
        CAPTURE(seed);
        core::SeededRandom random(seed);
        Victim dummy;  // its worker has what the sealer needs
        crypto::Algorithms algorithms;
        stream::RecordSealer sealer(algorithms, crypto::Suite::aes_gcm, made_up_keys().client, {});
        std::string wire;
        for (int i = 0; i < 5; ++i) {
            std::array<std::byte, 4096> out;
            const std::span<std::byte> whole_out(out);
            FrameWriter writer(whole_out.subspan(4, 3000));
            if (i == 0) REQUIRE(writer.settings({}));
            for (int k = 0; k < 3; ++k) {
                const auto text = message_text(static_cast<std::size_t>(3 * i + k), 500);
                auto frame = whole(a, text);
                if (i == 0 && k == 0) frame.offset = 0;
                REQUIRE(writer.data(frame));
            }
            wire += Bytes(out.data(), sealer.seal({}, writer.size(), out)).text();
        }
        const auto at = random.below(wire.size());
        const auto bad = flipped(wire, at, static_cast<unsigned>(random.below(8)));

        struct Sender final : events::SocketHandler {
            explicit Sender(std::string t) : text(std::move(t)) {}
            void on_connected(TcpSocket& socket) override { std::ignore = socket.write(Bytes(text)); }
            void on_read(TcpSocket&, Slice) override {}
            std::string text;
        };
        events::Simulation sim(seed, {.short_transfer = 0.7, .delay_max = 1ms});
        Probe probe;
        Side side(sim.add_host());
        add(*side.table, 'A', {}, probe);
        side.make(terms_of(stream::Role::server, *side.table));
        {
            const core::Home::Entered entered(&side.worker);
            REQUIRE(side.worker.open_listener("10.0.0.1:80", [&](TcpSocket& socket) {
                auto carrier = std::make_unique<net::SocketCarrier>(socket);
                carrier->line().add(std::make_unique<stream::TcpCarrier>(
                    *side.session, side.algorithms, crypto::Suite::aes_gcm, made_up_keys()));
                return carrier;
            }));
        }
        auto& host = sim.add_host();
        {
            const core::Home::Entered entered(&host);
            host.connect("10.0.0.1:80", std::make_unique<Sender>(bad));
        }
        sim.run_for(100s);  // a flipped length makes it wait for more: silence ends it
        REQUIRE(side.ended);
        CHECK(*side.ended);
        CHECK(probe.got.size() < 15);
        for (std::size_t i = 0; i < probe.got.size(); ++i) CHECK(probe.got[i] == message_text(i, 500));
        CHECK(host.sockets() == 0);
    }
}
