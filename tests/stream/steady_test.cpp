// SPDX-License-Identifier: Apache-2.0
// What is made per record and per frame doesn't allocate.
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/frame_reader.hpp>
#include <penstock/stream/frame_writer.hpp>
#include <penstock/stream/record.hpp>

#include <array>

#include <doctest/doctest.h>
#include <support/allocations.hpp>

using namespace penstock;
using namespace penstock::stream;

TEST_CASE("records and frames are written, sealed, opened and read without an allocation") {
    crypto::Algorithms algorithms;
    RecordSealer sealer(algorithms, crypto::Suite::aes_gcm, {}, {});
    RecordOpener opener(algorithms, crypto::Suite::aes_gcm, {});
    std::array<std::byte, record_bytes_max> record;
    int frames = 0;
    const auto before = penstock::test::allocations_of_this_thread();
    for (int i = 0; i < 10; ++i) {
        FrameWriter writer(std::span<std::byte>(record).subspan(4, record_plain_bytes_max));
        bool fits = writer.window({ChannelId('C', 0), 1, 1}) && writer.ping({});
        while (fits)
            fits = writer.data(
                {.channel = ChannelId('C', 0), .begins = true, .ends = true, .data = "sixty-four"});
        const auto size = sealer.seal({}, writer.size(), record);
        const auto plain = opener.open({}, std::span(record).first(size));
        if (!plain) break;
        FrameReader reader{Bytes(*plain)};
        while (reader.next()) ++frames;
    }
    const auto made = penstock::test::allocations_of_this_thread() - before;
    CHECK(frames > 9000);
    CHECK(made == 0);
}

TEST_CASE("the records of a streaming request neither") {
    crypto::Algorithms algorithms;
    Ciphers ciphers(algorithms);
    const MessageKey key;
    RequestPrefix prefix;
    std::array<std::byte, 512> room;
    int opened = 0;
    const auto before = penstock::test::allocations_of_this_thread();
    MessageSealer sealer(key);
    MessageOpener opener(key);
    for (int i = 0; i < 10; ++i) {
        const auto prefix_bytes = i == 0 ? write_request_prefix(prefix, room) : 0;
        const auto size = sealer.seal(ciphers, prefix_bytes, "body", i == 9, room);
        const auto plain =
            opener.open(ciphers, prefix_bytes, Bytes(room).first(size),
                        i == 9 ? Behind::nothing : Behind::more, std::span(room).subspan(prefix_bytes + 2));
        opened += plain && Bytes(plain->plain).text() == "body";
    }
    const auto made = penstock::test::allocations_of_this_thread() - before;
    CHECK(opened == 10);
    CHECK(made == 0);
}
