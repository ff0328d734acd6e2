// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include <stream/session_world.hpp>

using namespace penstock;
using namespace penstock::test;
using penstock::stream::Channel;
using penstock::stream::ChannelOptions;
using penstock::stream::Packet;

namespace {

constexpr std::uint8_t line = 0x10;

/// Sends a list of messages as fast as the channel takes them, then finishes.
struct Source {
    explicit Source(std::vector<std::string> t) : texts(std::move(t)) {}
    void operator()(Channel& channel) {
        while (next < texts.size()) {
            const auto answer = send(channel);
            if (taken(answer)) ++next;
            if (answer != Sent::more) return;
        }
        channel.ready_to_write(false);
        channel.finish();
    }
    Sent send(Channel& channel) {
        const auto& text = texts[next];
        const auto type = static_cast<std::uint8_t>(line + next % 7);
        switch (next % 4) {
            case 0: return channel.send(type, Bytes(text));
            case 1: return channel.send(type, Slice::copy(text));
            case 2: return channel.send(type, Buffer::copy(text));
            default: return channel.send(type, std::make_shared<const Buffer>(Buffer::copy(text)));
        }
    }
    std::vector<std::string> texts;
    std::size_t next = 0;
};

std::vector<std::string> some_texts(core::Random& random, std::size_t count, std::size_t bytes_max) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) {
        const auto kind = random.below(4);
        const auto size = kind == 0 ? 0 : kind == 1 ? bytes_max : random.below(kind == 2 ? 100 : bytes_max);
        out.push_back(message_text(i, size));
    }
    return out;
}

/// Both directions of one letter.
struct Pair {
    Probe client, server;
};

void both(stream::Channels& client, stream::Channels& server, char letter, const ChannelOptions& options,
          Pair& pair) {
    add(client, letter, options, pair.client);
    add(server, letter, options, pair.server);
}

}  // namespace

TEST_CASE("many messages on many channels arrive in order and byte for byte, in both directions") {
    for (const auto seed : events::seeds(25)) {
        CAPTURE(seed);
        core::SeededRandom random(seed);
        constexpr std::string_view letters = "ABCDE";
        std::map<char, Pair> pairs;
        std::map<char, std::pair<Source, Source>> sources;
        World world(
            [&](auto& client, auto& server) {
                for (const auto letter : letters) {
                    const ChannelOptions options{.window_bytes = 4096u << random.below(5),
                                                 .message_bytes_max = 20'000};
                    const auto most = std::min<std::size_t>(20'000, options.window_bytes / 2);
                    auto& pair = pairs[letter];
                    auto& [out, back] = sources
                                            .emplace(letter, std::pair(Source(some_texts(random, 60, most)),
                                                                       Source(some_texts(random, 60, most))))
                                            .first->second;
                    pair.client.writable = [&out](Channel& channel) { out(channel); };
                    pair.server.writable = [&back](Channel& channel) { back(channel); };
                    for (auto* probe : {&pair.client, &pair.server})
                        probe->end = [](Channel&) {};  // its own messages come first
                    both(client, server, letter, options, pair);
                }
            },
            seed, {.short_transfer = 0.5, .late = 0.5, .delay_max = 2ms},
            [&](auto& terms) { terms.record_bytes_max = 2048 + 3 * static_cast<std::uint32_t>(seed); });
        world.run(60s);
        for (const auto letter : letters) {
            CAPTURE(letter);
            auto& pair = pairs[letter];
            const auto& [out, back] = sources.at(letter);
            CHECK(pair.server.got == out.texts);
            CHECK(pair.client.got == back.texts);
            REQUIRE(pair.server.types.size() == 60);
            for (std::size_t i = 0; i < 60; ++i) REQUIRE(pair.server.types[i] == line + i % 7);
            // Both finished, so the channel ended in order.
            REQUIRE(pair.client.closed.size() == 1);
            REQUIRE(pair.server.closed.size() == 1);
            CHECK_FALSE(pair.client.closed[0].error);
            std::uint64_t cost = 0;
            for (const auto& text : out.texts) cost += 16 + text.size();
            CHECK(pair.client.closed[0].acknowledged == cost);
        }
        CHECK_FALSE(world.client.ended);
        CHECK(world.client.session->channels() == 0);
        CHECK(world.server.session->channels() == 0);
    }
}

TEST_CASE("a reader that is slow stops its own channel and no other") {
    Pair slow, fast;
    World world([&](auto& client, auto& server) {
        both(client, server, 'S', {.window_bytes = 64 << 10}, slow);
        both(client, server, 'F', {}, fast);
    });
    slow.server.open = [](Channel& channel, Bytes) {
        channel.ready_to_read(false);
        return Result<void>();
    };
    std::size_t sent = 0, taken_count = 0;
    slow.client.writable = [&](Channel& channel) {
        while (true) {
            const auto answer = channel.send(line, message_text(sent, 1000));
            if (taken(answer)) ++sent;
            if (answer != Sent::more) return;
        }
    };
    Source source(std::vector<std::string>(400, message_text(1, 5000)));
    fast.client.writable = [&](Channel& channel) { source(channel); };
    world.run(10s);
    CHECK(fast.server.got.size() == 400);
    CHECK(slow.server.got.empty());
    auto* reader = slow.server.channels.at(0);
    CHECK(reader->received_bytes() > 60'000);
    CHECK(reader->received_bytes() <= 64 << 10);  // the window
    CHECK(slow.client.channels.at(0)->queued_bytes() <= 64 << 10);
    // It goes on where it stood.
    slow.server.packet = [&](Channel&, Packet packet) {
        REQUIRE(packet.data.text() == message_text(taken_count++, 1000));
    };
    world.at_server([&](auto&) { reader->ready_to_read(true); });
    world.run(50ms);
    CHECK(taken_count > 1000);
}

TEST_CASE("send answers wait at a window, full at two, too_big above the maximum, closed at the end") {
    Pair pair;
    World world([&](auto& client, auto& server) {
        both(client, server, 'A', {.window_bytes = 16 << 10, .message_bytes_max = 4096}, pair);
    });
    int writable = 0;
    pair.client.writable = [&](Channel&) { ++writable; };
    world.run(1s);
    CHECK(writable == 1);  // as it opens; it sent nothing, so it is not asked again
    pair.server.open = {};
    world.at_server([&](auto&) { pair.server.channels.at(0)->ready_to_read(false); });
    auto* channel = pair.client.channels.at(0);
    world.at_client([&](auto&) {
        CHECK(channel->send(line, message_text(1, 4097)) == Sent::too_big);
        CHECK(channel->send(line, message_text(1, 4096)) == Sent::more);
        CHECK(channel->space() == (16 << 10) - 4096 - 32);
        std::size_t count = 1;
        while (channel->send(line, message_text(1, 1008)) == Sent::more) ++count;
        CHECK(count == 12);  // 4112 and eleven times 1024: the twelfth reaches 16 KiB
        CHECK(channel->space() == 0);
        count = 0;
        Sent answer = Sent::wait;
        while ((answer = channel->send(line, message_text(1, 1008))) == Sent::wait) ++count;
        CHECK(answer == Sent::full);
        CHECK(channel->queued_bytes() <= 32 << 10);
    });
    world.run(1s);
    CHECK(writable == 1);  // the peer's window is full, and more than half a window is left here
    world.at_server([&](auto&) { pair.server.channels.at(0)->ready_to_read(true); });
    world.run(1s);
    CHECK(writable == 2);
    CHECK(pair.server.got.size() == pair.client.channels.at(0)->stats().messages_out);
    world.at_client([&](auto&) {
        channel->finish();
        CHECK(channel->send(line, "late") == Sent::closed);
    });
    world.run(1s);
}

TEST_CASE("what is put back comes again, first, in a later turn") {
    for (const auto seed : events::seeds(10)) {
        Pair pair;
        World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); }, seed,
                    {.short_transfer = 0.5, .delay_max = 1ms});
        core::SeededRandom random(seed);
        std::vector<std::string> got;
        core::TimePoint before{};
        pair.server.packet = [&](Channel& channel, Packet packet) {
            if (random.below(3) == 0) {
                before = channel.worker().now();
                return channel.put_back(std::move(packet));
            }
            CHECK(channel.worker().now() != before);
            got.emplace_back(packet.data.text());
        };
        Source source(some_texts(random, 100, 30'000));
        pair.client.writable = [&](Channel& channel) { source(channel); };
        world.run(20s);
        CHECK(got == source.texts);
        CHECK(pair.server.ends == 1);
        REQUIRE(pair.server.closed.size() == 1);
        CHECK_FALSE(pair.server.closed[0].error);
    }
}

TEST_CASE("a channel in pieces gets messages of any length") {
    Pair pair;
    World world([&](auto& client, auto& server) {
        both(client, server, 'A', {.window_bytes = 32 << 10, .whole_messages = false}, pair);
    });
    std::string got;
    std::vector<bool> begins, ends;
    pair.server.packet = [&](Channel& channel, Packet packet) {
        if (got.size() > 20'000 && begins.size() % 5 == 0 && channel.stats().put_back < 3)
            return channel.put_back(std::move(packet));
        got += packet.data.text();
        begins.push_back(packet.begin);
        ends.push_back(packet.end);
    };
    const auto text = message_text(1, 60'000);
    pair.client.writable = [&](Channel& channel) {
        CHECK(channel.send(line, message_text(1, 66'000)) == Sent::too_big);  // more than two windows
        CHECK(channel.send(line, text) == Sent::wait);
        channel.ready_to_write(false);
        channel.finish();
    };
    world.run(5s);
    CHECK(got == text);
    REQUIRE(begins.size() > 3);
    CHECK(std::count(begins.begin(), begins.end(), true) == 1);
    CHECK(std::count(ends.begin(), ends.end(), true) == 1);
    CHECK(begins.front());
    CHECK(ends.back());
    CHECK(pair.server.closed.size() == 1);
}

TEST_CASE("further instances are opened by either side, with what they say, too many are refused") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {.instances_max = 3}, pair); });
    world.run(1s);
    const auto params = message_text(7, 30'000);  // the opening message in pieces
    world.at_client([&](auto& session) {
        const auto first = session.open('A', params);
        REQUIRE(first);
        CHECK((*first)->instance() == 1);
        CHECK((*first)->send(line, "at once") == Sent::more);
        CHECK(session.open('A', "second"));
        const auto third = session.open('A');
        REQUIRE_FALSE(third);
        CHECK(crypto::is(third.error(), crypto::Code::channel_limit));
        CHECK(crypto::is(session.open('B').error(), crypto::Code::channel_denied));
    });
    world.at_server([&](auto& session) {
        const auto opened = session.open('A', "from the server");
        REQUIRE(opened);
        CHECK((*opened)->instance() == (stream::instance_by_server | 1));
    });
    world.run(1s);
    std::ranges::sort(pair.server.opened_with);  // a short one overtakes a long one
    CHECK(pair.server.opened_with == std::vector<std::string>{"", params, "from the server", "second"});
    CHECK(pair.server.got == std::vector<std::string>{"at once"});
    CHECK(pair.client.opened_with.back() == "from the server");
    CHECK(world.client.session->channels() == 4);
    // One that ended makes room, and its number is not used again.
    world.at_client([&](auto& session) { session.find('A', 1)->close(); });
    world.run(1s);
    CHECK(world.client.session->channels() == 3);
    CHECK(world.server.session->channels() == 3);
    CHECK(world.at_client([&](auto& session) { return (*session.open('A'))->instance(); }) == 3);
    world.run(1s);
    CHECK(pair.server.opened_with.size() == 5);
}

TEST_CASE("on_open refuses a channel, and a handler that throws resets its own") {
    Pair refused, throwing, other;
    World world([&](auto& client, auto& server) {
        both(client, server, 'R', {.instances_max = 5}, refused);
        both(client, server, 'T', {}, throwing);
        both(client, server, 'O', {}, other);
    });
    refused.server.open = [](Channel& channel, Bytes) -> Result<void> {
        if (channel.instance() == 0) return {};
        return fail(Error::user(77, "not you"));
    };
    throwing.server.packet = [](Channel&, Packet) { throw std::runtime_error("on purpose"); };
    world.run(1s);
    world.at_client([&](auto& session) {
        REQUIRE(session.open('R', "please"));
        CHECK(session.find('T')->send(line, "x") == Sent::more);
        CHECK(session.find('O')->send(line, "y") == Sent::more);
    });
    world.run(1s);
    REQUIRE(refused.client.closed.size() == 1);
    CHECK(refused.client.closed[0].error == Error::user(77, nullptr));
    CHECK(refused.server.closed.size() == 1);
    REQUIRE(throwing.client.closed.size() == 1);
    CHECK(crypto::is(throwing.client.closed[0].error, crypto::Code::internal));
    REQUIRE(throwing.server.closed.size() == 1);
    CHECK(crypto::is(throwing.server.closed[0].error, crypto::Code::internal));
    CHECK(other.server.got == std::vector<std::string>{"y"});
    CHECK(world.client.session->channels() == 2);
    CHECK(world.server.session->channels() == 2);
}

TEST_CASE("finish ends one direction, the other goes on") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
    pair.server.end = [](Channel&) {};  // stays open
    world.run(1s);
    world.at_client([&](auto& session) {
        auto& channel = *session.find('A');
        CHECK(channel.send(line, "question") == Sent::more);
        channel.finish();
        CHECK(channel.send(line, "more") == Sent::closed);
    });
    world.run(1s);
    CHECK(pair.server.got == std::vector<std::string>{"question"});
    CHECK(pair.server.ends == 1);
    CHECK(pair.server.closed.empty());
    world.at_server([&](auto& session) {
        CHECK(session.find('A')->send(line, "answer") == Sent::more);
        session.find('A')->finish();
    });
    world.run(1s);
    CHECK(pair.client.got == std::vector<std::string>{"answer"});
    CHECK(pair.client.ends == 1);
    CHECK(pair.client.closed.size() == 1);
    CHECK(pair.server.closed.size() == 1);
    CHECK(world.client.session->channels() == 0);
}

TEST_CASE("abort resets both directions, from either side and from both at once") {
    for (const auto seed : events::seeds(20)) {
        CAPTURE(seed);
        Pair pair, other;
        World world(
            [&](auto& client, auto& server) {
                both(client, server, 'A', {.instances_max = 100}, pair);
                both(client, server, 'O', {}, other);
            },
            seed, {.short_transfer = 0.3, .delay_max = 3ms});
        core::SeededRandom random(seed);
        for (auto* probe : {&pair.client, &pair.server})
            probe->writable = [](Channel& channel) {
                while (channel.send(line, message_text(1, 3000)) == Sent::more) {
                }
            };
        world.run(1s);
        for (int i = 0; i < 40; ++i) {
            const auto end = [&](stream::Session& session) {
                const auto instance = static_cast<std::uint32_t>(random.below(40));
                if (auto* channel = session.find('A', instance)) {
                    if (random.below(3) == 0)
                        channel->close();
                    else
                        channel->abort(Error::user(5, "enough"));
                }
            };
            world.at_client([&](auto& session) { std::ignore = session.open('A'); });
            if (random.below(2) == 0) world.at_client(end);
            if (random.below(2) == 0) world.at_server(end);
            world.run(std::chrono::milliseconds(random.below(4)));
        }
        for (auto* side : {&world.client, &world.server}) {
            const core::Home::Entered entered(&side->worker);
            for (std::uint32_t i = 0; i < 60; ++i)
                if (auto* channel = side->session->find('A', i)) channel->abort(Error::user(6, "all"));
        }
        world.at_client([&](auto& session) { CHECK(session.find('O')->send(line, "alive") == Sent::more); });
        world.run(5s);
        CHECK_FALSE(world.client.ended);
        CHECK_FALSE(world.server.ended);
        CHECK(other.server.got == std::vector<std::string>{"alive"});
        CHECK(pair.client.closed.size() == pair.client.channels.size());
        CHECK(pair.server.closed.size() == pair.server.channels.size());
        CHECK(world.client.session->channels() == 1);
        CHECK(world.server.session->channels() == 1);
    }
}

TEST_CASE("CLOSE brings code and text, behind what was queued") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
    world.run(1s);
    std::string text;
    world.at_client([&](auto& session) {
        CHECK(session.find('A')->send(line, "last words") == Sent::more);
        session.close(crypto::Code::shutdown, "maintenance");
        CHECK_FALSE(session.open('A'));
    });
    world.run(1s);
    CHECK(pair.server.got == std::vector<std::string>{"last words"});
    for (auto* side : {&world.client, &world.server}) {
        REQUIRE(side->ended);
        CHECK(crypto::is(*side->ended, crypto::Code::shutdown));
    }
    for (auto* probe : {&pair.client, &pair.server}) {
        REQUIRE(probe->closed.size() == 1);
        CHECK(crypto::is(probe->closed[0].error, crypto::Code::shutdown));
    }
    CHECK(world.server.worker.sockets() == 0);
    CHECK(world.client.worker.sockets() == 0);
}

TEST_CASE("a session without an error ends its channels without one") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
    world.run(1s);
    world.at_server([](auto& session) { session.close(); });
    world.run(1s);
    REQUIRE(world.client.ended);
    CHECK_FALSE(*world.client.ended);
    REQUIRE(pair.client.closed.size() == 1);
    CHECK_FALSE(pair.client.closed[0].error);
}

TEST_CASE("a lost carrier ends the session: each channel hears it with what was acknowledged") {
    for (const auto seed : events::seeds(10)) {
        Pair pair;
        World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); }, seed,
                    {.short_transfer = 0.5, .delay_max = 2ms});
        Source source(std::vector<std::string>(5000, message_text(3, 2000)));
        pair.client.writable = [&](Channel& channel) { source(channel); };
        world.run(std::chrono::milliseconds(20 + seed));
        world.at_server([&](auto&) { world.server_line->abort(); });
        world.run(1s);
        REQUIRE(world.client.ended);
        CHECK(crypto::is(*world.client.ended, crypto::Code::session_lost));
        REQUIRE(pair.client.closed.size() == 1);
        REQUIRE(pair.server.closed.size() == 1);
        CHECK(crypto::is(pair.client.closed[0].error, crypto::Code::session_lost));
        const auto acknowledged = pair.client.closed[0].acknowledged;
        CHECK(acknowledged <= pair.server.got.size() * 2016);  // never more than was taken
        CHECK(acknowledged % 2016 == 0);
    }
}

TEST_CASE("silence is asked after with PING, and ends the session when nobody answers") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
    world.run(300s);
    CHECK_FALSE(world.client.ended);
    // Whoever asks first knows; the other hears from it, and needs not ask.
    CHECK(std::max(world.client.session->stats().rtt_min, world.server.session->stats().rtt_min) > 0ns);
    CHECK(world.client.session->stats().records_in >= 10);
    CHECK(world.client.session->stats().records_in <= 60);
    world.at_server([&](auto&) { world.server_line->carrier().read_credit(0); });  // deaf
    world.run(120s);
    REQUIRE(world.server.ended);
    CHECK(crypto::is(*world.server.ended, crypto::Code::timeout));
    CHECK(world.server.worker.local<stream::EndCounters>().of(crypto::Code::timeout).value() == 1);
}

TEST_CASE("a Remote sends and closes from elsewhere, and a stale one is harmless") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
    world.run(1s);
    const auto remote = world.at_client([](auto& session) { return session.find('A')->remote(); });
    CHECK(remote.send(line, Buffer::copy("from afar")) == Sent::more);
    CHECK(remote.close() == Posted::ok);
    world.run(1s);
    CHECK(pair.server.got == std::vector<std::string>{"from afar"});
    CHECK(pair.client.closed.size() == 1);
    CHECK(remote.send(line, Buffer::copy("late")) == Sent::more);
    world.run(1s);
    CHECK(pair.server.got.size() == 1);
    CHECK(world.at_client([&](auto&) { return remote.here(); }) == nullptr);
}

TEST_CASE("a session may be buried inside any callback") {
    for (const int at : {0, 1, 2, 3}) {
        Pair pair;
        World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
        const auto bury = [&](int place) {
            if (place == at) world.server.worker.bury(std::move(world.server.session));
        };
        pair.server.packet = [&](Channel&, Packet) { bury(0); };
        pair.server.writable = [&](Channel&) { bury(1); };
        pair.server.open = [&](Channel&, Bytes) { return bury(2), Result<void>(); };
        pair.server.end = [&](Channel&) { bury(3); };
        Source source({"a", "b", "c"});
        pair.client.writable = [&](Channel& channel) { source(channel); };
        world.run(2s);
        CHECK(pair.server.closed.size() == 1);
        REQUIRE(world.client.ended);
        CHECK(crypto::is(*world.client.ended, crypto::Code::session_lost));
    }
}

TEST_CASE("keys are updated by both sides on their way") {
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); }, 1, {},
                [](auto& terms) { terms.record_bytes_max = stream::record_bytes_max_lowest; });
    world.limits.records_per_key_max = 1100;
    Source out(std::vector<std::string>(80, message_text(1, 100'000)));
    Source back(std::vector<std::string>(80, message_text(2, 100'000)));
    pair.client.end = pair.server.end = [](Channel&) {};
    pair.client.writable = [&](Channel& channel) { out(channel); };
    pair.server.writable = [&](Channel& channel) { back(channel); };
    world.run(30s);
    CHECK(pair.server.got == out.texts);
    CHECK(pair.client.got == back.texts);
    REQUIRE(world.client.session != nullptr);
    const auto& carrier = dynamic_cast<stream::TcpCarrier&>(world.client_line->rightmost()->handler());
    CHECK(carrier.key_updates() >= 6);
}

TEST_CASE("channels that all want to send get equal shares") {
    constexpr std::string_view letters = "ABCD";
    std::map<char, Pair> pairs;
    World world([&](auto& client, auto& server) {
        for (const auto letter : letters) both(client, server, letter, {}, pairs[letter]);
    });
    std::map<char, std::size_t> bytes;
    for (const auto letter : letters) {
        const auto size = std::size_t{100} << 3 * (letter - 'A');  // 100 B to 51 KB
        pairs[letter].client.writable = [size](Channel& channel) {
            while (channel.send(line, message_text(1, size)) == Sent::more) {
            }
        };
        pairs[letter].server.packet = [&bytes](Channel& channel, Packet packet) {
            bytes[channel.letter()] += packet.data.size() + 16;
        };
    }
    world.run(30ms);
    const auto most =
        std::max_element(bytes.begin(), bytes.end(), [](auto& a, auto& b) { return a.second < b.second; });
    for (const auto letter : letters) {
        CAPTURE(bytes[letter]);
        CHECK(bytes[letter] * 10 >= most->second * 8);
    }
}

TEST_CASE("a session says when the peer's application has taken all, once") {
    for (const auto seed : events::seeds(10)) {
        Pair first, second;
        World world(
            [&](auto& client, auto& server) {
                both(client, server, 'A', {}, first);
                both(client, server, 'B', {.window_bytes = 4096}, second);
            },
            seed, {.short_transfer = 0.5, .delay_max = 2ms});
        world.run(1s);
        int called = 0;
        world.at_client([&](auto& session) {
            CHECK(session.is_acknowledged());
            session.on_acknowledged([&] { ++called; });
            CHECK(called == 0);  // not inside the call
        });
        world.run(1s);
        CHECK(called == 1);
        world.at_server([&](auto&) { second.server.channels.at(0)->ready_to_read(false); });
        world.at_client([&](auto& session) {
            for (int i = 0; i < 4; ++i) {
                std::ignore = first.client.channels.at(0)->send(line, message_text(1, 50'000));
                std::ignore = second.client.channels.at(0)->send(line, message_text(1, 1500));
            }
            CHECK_FALSE(session.is_acknowledged());
            CHECK(session.queued_bytes() > 200'000);
            session.on_acknowledged([&] { ++called; });
        });
        world.run(5s);
        CHECK(called == 1);
        CHECK(first.server.got.size() == 4);
        world.at_server([&](auto&) { second.server.channels.at(0)->ready_to_read(true); });
        world.run(5s);
        CHECK(called == 2);
        CHECK(second.server.got.size() == 4);
        world.at_client([&](auto& session) { CHECK(session.queued_bytes() == 0); });
    }
}

TEST_CASE("what is over waits for nothing, and a session that ended says how it stood") {
    for (const bool is_taken : {false, true}) {
        Pair pair;
        World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
        world.run(1s);
        world.at_server([&](auto&) { pair.server.channels.at(0)->ready_to_read(is_taken); });
        bool called = false;
        world.at_client([&](auto& session) {
            std::ignore = pair.client.channels.at(0)->send(line, "hello");
            session.on_acknowledged([&] { called = true; });
        });
        world.run(1s);
        CHECK(called == is_taken);
        bool was = !is_taken;
        world.at_client([&](stream::Session& session) {
            session.abort(Error::os(ECONNRESET));
            was = session.is_acknowledged();
        });
        CHECK(was == is_taken);
        world.run(1s);
    }
    Pair pair;
    World world([&](auto& client, auto& server) { both(client, server, 'A', {}, pair); });
    world.run(1s);
    world.at_server([&](auto&) { pair.server.channels.at(0)->ready_to_read(false); });
    bool called = false;
    world.at_client([&](auto& session) {
        std::ignore = pair.client.channels.at(0)->send(line, "hello");
        session.on_acknowledged([&] { called = true; });
    });
    world.run(1s);
    CHECK_FALSE(called);
    world.at_server([&](auto&) { pair.server.channels.at(0)->abort(Error::user(5, "no")); });
    world.run(1s);
    CHECK(called);
}
