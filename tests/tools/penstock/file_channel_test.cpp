// SPDX-License-Identifier: Apache-2.0
// Letters F and E between a client and a node, in the simulation; the files are real.
#include <penstock/client/client.hpp>
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/events/timer.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>
#include <support/client_site.hpp>
#include <support/temporary_folder.hpp>
#include <sys/stat.h>

#include "echo_channel.hpp"
#include "file_receiver.hpp"
#include "file_sender.hpp"

using namespace penstock;
using namespace penstock::tool;

namespace {

constexpr std::uint64_t limit = 4 * 1024 * 1024;

void no_routes(http::Router&, Worker&) {}

/// A node with both letters, and what arrived there.
struct World {
    explicit World(std::uint64_t seed = 1, events::Faults faults = {}, std::string folder = {})
        : site(
              no_routes,
              [this, folder](stream::Channels& channels, Worker&) {
                  add_echo_channel(channels);
                  add_file_channel(channels, folder.empty() ? received.path() : folder, limit);
              },
              seed, faults) {}

    /// Runs f(client) once the client is there.
    template <class AddLetters, class F>
    void run(AddLetters add_letters, F f) {
        bool over = false;
        site.site.sim.spawn([&](Worker& worker) -> Task<> {
            client::Client client(worker, test::client_settings(site));
            add_letters(client.channels());
            const auto up = co_await client.reach(client::Stage::stream_streaming);
            CHECK_MESSAGE(up.has_value(), (up ? "" : up.error().message()));
            if (up) co_await f(client);
            over = true;
        });
        const auto ran = site.site.sim.run();
        CHECK(ran.has_value());
        CHECK(over);
    }
    std::vector<std::string> files() const {
        std::vector<std::string> out;
        for (const auto& entry : std::filesystem::directory_iterator(received.path()))
            out.push_back(entry.path().filename());
        return out;
    }

    test::TemporaryFolder received;
    test::StreamSite site;
};

std::string random_text(std::size_t size) {
    std::string out(size, '\0');
    core::SeededRandom(size + 1).fill(std::as_writable_bytes(std::span(out)));
    return out;
}

crypto::Hash hash_of(const std::string& text) {
    crypto::Algorithms algorithms;
    return crypto::sha256(algorithms, {Bytes(text)});
}

std::string read(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
}

/// The job's answer, from before anything begins.
Task<Result<FileResult>> answer_of(Awaitable<Result<FileResult>>& done) { co_return co_await done; }

/// Sends a file of this text, announced with this size.
Result<FileResult> send(World& world, const std::string& text, std::uint64_t announced) {
    const test::TemporaryFolder folder;
    std::ofstream(folder.file("sent"), std::ios::binary) << text;
    Result<FileResult> out = fail(Error::user(1, "no result"));
    FileJob job{.path = folder.file("sent"), .size = announced};
    Awaitable<Result<FileResult>> done(job.done);
    world.run([&](stream::Channels& channels) { add_file_sender(channels, job); },
              [&](client::Client&) -> Task<> { out = co_await answer_of(done); });
    return out;
}

using Packets = std::vector<std::pair<std::uint8_t, std::string>>;

/// Says all of that at once, and keeps what comes back.
struct Script final : stream::ChannelHandler {
    Script(const Packets& p, std::vector<FileCode>& c, bool& r) : packets(p), codes(c), reset(r) {}
    Result<void> on_open(stream::Channel& channel, Bytes) override {
        for (const auto& [type, body] : packets) CHECK(taken(channel.send(type, body)));
        return {};
    }
    void on_packet(stream::Channel&, stream::Packet packet) override {
        REQUIRE(packet.type == file_result);
        codes.push_back(parse_result(packet.data).value().code);
    }
    void on_closed(stream::Channel&, const stream::Closed& closed) override {
        if (closed.error.domain() == core::Domain::user) reset = true;
    }
    const Packets& packets;
    std::vector<FileCode>& codes;
    bool& reset;
};

struct Said {
    std::vector<FileCode> codes;
    bool reset = false;
};

Said say(World& world, const Packets& packets) {
    Said out;
    world.run(
        [&](stream::Channels& channels) {
            channels.add(file_letter, file_options, [&](stream::Channel&) {
                return std::make_unique<Script>(packets, out.codes, out.reset);
            });
        },
        [](client::Client& client) -> Task<> { co_await client.worker().sleep(3s); });
    return out;
}

Packets good(const std::string& text) {
    return {{file_begin, begin_body(text.size())}, {file_data, text}, {file_end, end_body(hash_of(text))}};
}

}  // namespace

TEST_CASE("a file arrives whole, whatever its size and the network") {
    for (const auto seed : events::seeds(3))
        for (const std::size_t size : {0u, 1u, 65'536u, 65'537u, 3'000'000u}) {
            CAPTURE(seed);
            CAPTURE(size);
            const auto text = random_text(size);
            World world(seed, {.short_transfer = 0.5, .delay_max = 5ms});
            const auto result = send(world, text, size);
            REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().message()));
            CHECK(result->bytes == size);
            CHECK(result->sha256 == hash_of(text));
            REQUIRE(world.files() == std::vector{hex(hash_of(text))});
            const auto path = world.received.file(hex(hash_of(text)));
            CHECK(read(path) == text);
            struct stat found{};
            REQUIRE(::stat(path.c_str(), &found) == 0);
            CHECK((found.st_mode & 07777) == 0600);
        }
}

TEST_CASE("the same file twice is one file") {
    World world;
    auto packets = good("twice");
    for (const auto& packet : good("twice")) packets.push_back(packet);
    const auto said = say(world, packets);
    CHECK(said.codes == std::vector{FileCode::ok, FileCode::ok});
    CHECK(world.files().size() == 1);
}

TEST_CASE("the longest file is taken, one byte more is refused before anything is stored") {
    World world;
    const auto most = send(world, random_text(limit), limit);
    CHECK(most.has_value());
    World other;
    const auto more = send(other, random_text(limit + 1), limit + 1);
    REQUIRE_FALSE(more.has_value());
    CHECK(more.error() == Error::user(static_cast<int>(FileCode::too_big), nullptr));
    CHECK(other.files().empty());
}

TEST_CASE("what is out of order or not as announced is refused, leaves nothing, and the next file is taken") {
    const std::string five = "five!";
    const struct {
        const char* what;
        Packets packets;
        std::vector<FileCode> codes;
    } rows[]{
        {"data first", {{file_data, five}}, {FileCode::unexpected}},
        {"end first", {{file_end, end_body({})}}, {FileCode::unexpected}},
        {"short begin", {{file_begin, "1234567"}}, {FileCode::unexpected}},
        {"long begin", {{file_begin, "123456789"}}, {FileCode::unexpected}},
        {"begin twice", {{file_begin, begin_body(5)}, {file_begin, begin_body(5)}}, {FileCode::unexpected}},
        {"too much", {{file_begin, begin_body(4)}, {file_data, five}}, {FileCode::wrong_size}},
        {"too little",
         {{file_begin, begin_body(6)}, {file_data, five}, {file_end, end_body(hash_of(five))}},
         {FileCode::wrong_size}},
        {"another hash",
         {{file_begin, begin_body(5)}, {file_data, five}, {file_end, end_body(hash_of("four"))}},
         {FileCode::wrong_hash}},
        {"a cut hash",
         {{file_begin, begin_body(5)}, {file_data, five}, {file_end, end_body(hash_of(five)).substr(1)}},
         {FileCode::unexpected}},
        {"the largest size there is",
         {{file_begin, begin_body(~std::uint64_t(0))}, {file_data, five}, {file_end, end_body({})}},
         {FileCode::too_big}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        World world;
        auto packets = row.packets;
        packets.push_back({file_data, "still of the same file"});  // dropped, after what was refused
        for (const auto& packet : good(five)) packets.push_back(packet);
        const auto said = say(world, packets);
        auto expected = row.codes;
        expected.push_back(FileCode::ok);
        CHECK(said.codes == expected);
        CHECK(world.files() == std::vector{hex(hash_of(five))});
        CHECK_FALSE(said.reset);
    }
}

TEST_CASE("a packet of an unknown type resets the channel") {
    World world;
    const auto said = say(world, {{0x20, "what?"}});
    CHECK(said.reset);
    CHECK(said.codes.empty());
}

TEST_CASE("a client that leaves in the middle leaves nothing") {
    World world;
    const Packets half{{file_begin, begin_body(10)}, {file_data, "half"}};
    const auto said = say(world, half);
    CHECK(said.codes.empty());
    CHECK(world.files().empty());
}

TEST_CASE("a folder that is not there is the node's trouble, told to that client alone") {
    World world(1, {}, "/nowhere/at/all");
    const auto result = send(world, "text", 4);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error() == Error::user(static_cast<int>(FileCode::storage), nullptr));
}

TEST_CASE("a file that changes while it is sent is not presented as whole") {
    const auto text = random_text(300'000);
    for (const std::uint64_t announced : {299'999u, 300'001u}) {
        CAPTURE(announced);
        World world;
        const auto result = send(world, text, announced);
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error() == Error::user(static_cast<int>(FileCode::wrong_size), nullptr));
        CHECK(world.files().empty());
    }
}

TEST_CASE("a file that cannot be read is the sender's error") {
    World world;
    Result<FileResult> result;
    FileJob job{.path = "/nowhere/at/all", .size = 1};
    Awaitable<Result<FileResult>> done(job.done);
    world.run([&](stream::Channels& channels) { add_file_sender(channels, job); },
              [&](client::Client&) -> Task<> { result = co_await answer_of(done); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error() == Error::os(ENOENT));
}

TEST_CASE("a node that claims to have another file is not believed") {
    struct Liar final : stream::ChannelHandler {
        explicit Liar(FileResult r) : result(r) {}
        void on_packet(stream::Channel& channel, stream::Packet packet) override {
            if (packet.type == file_end) std::ignore = channel.send(file_result, result_body(result));
        }
        FileResult result;
    };
    const std::string text = "the truth";
    const FileResult lies[]{{FileCode::ok, text.size(), hash_of("a lie")},
                            {FileCode::ok, text.size() - 1, hash_of(text)}};
    for (const auto& lie : lies) {
        test::TemporaryFolder folder;
        std::ofstream(folder.file("sent")) << text;
        FileJob job{.path = folder.file("sent"), .size = text.size()};
        Result<FileResult> result;
        test::StreamSite site(no_routes, [&](stream::Channels& channels, Worker&) {
            channels.add(file_letter, file_options,
                         [&](stream::Channel&) { return std::make_unique<Liar>(lie); });
        });
        site.site.sim.spawn([&](Worker& worker) -> Task<> {
            client::Client client(worker, test::client_settings(site));
            Awaitable<Result<FileResult>> done(job.done);
            add_file_sender(client.channels(), job);
            const auto up = co_await client.reach(client::Stage::stream_streaming);
            REQUIRE(up.has_value());
            result = co_await done;
        });
        REQUIRE(site.site.sim.run());
        REQUIRE_FALSE(result.has_value());
        CHECK(result.error() == Error::user(static_cast<int>(FileCode::wrong_hash), nullptr));
    }
}

TEST_CASE("letter E gives back every packet in order, to a slow reader too") {
    struct Talker final : stream::ChannelHandler {
        explicit Talker(std::vector<std::string>& h) : heard(h) {}
        void on_writable(stream::Channel& channel) override {
            while (next < 400)
                if (channel.send(0x10, std::to_string(next++) + std::string(5'000, 'x')) != Sent::more)
                    return;
            channel.ready_to_write(false);
        }
        void on_packet(stream::Channel& channel, stream::Packet packet) override {
            heard.emplace_back(packet.data.text());
            channel.ready_to_read(false);
            pause.emplace(channel.worker(), [&channel] { channel.ready_to_read(true); });
            pause->arm(1ms);
        }
        std::vector<std::string>& heard;
        std::optional<Timer> pause;
        int next = 0;
    };
    World world;
    std::vector<std::string> heard;
    world.run(
        [&](stream::Channels& channels) {
            channels.add('E', [&](stream::Channel&) { return std::make_unique<Talker>(heard); });
        },
        [](client::Client& client) -> Task<> { co_await client.worker().sleep(10s); });
    REQUIRE(heard.size() == 400);
    for (int i = 0; i < 400; ++i) CHECK(heard[i].starts_with(std::to_string(i) + 'x'));
}
