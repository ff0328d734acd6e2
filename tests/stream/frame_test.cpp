// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/frame_reader.hpp>
#include <penstock/stream/frame_writer.hpp>
#include <penstock/stream/record.hpp>

#include <algorithm>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::from_hex;

namespace {

constexpr ChannelId chat('C', 0), other('S', 0x800001);

/// Room with a writer, and what was written.
struct Page {
    explicit Page(std::size_t size = 4096) : bytes(size, '\xAA') {}
    std::string bytes;
    FrameWriter writer{std::as_writable_bytes(std::span(bytes))};

    Bytes written() const { return Bytes(bytes).first(writer.size()); }
};

/// The only frame in there.
template <class T>
T only(Bytes plain) {
    FrameReader reader(plain);
    const auto frame = reader.next();
    REQUIRE(frame);
    REQUIRE(std::holds_alternative<T>(*frame));
    CHECK_FALSE(reader.next());
    CHECK_FALSE(reader.error());
    return std::get<T>(*frame);
}

/// no_error if all frames are taken.
Code verdict(Bytes plain, int* count = nullptr) {
    FrameReader reader(plain);
    while (reader.next())
        if (count != nullptr) ++*count;
    return static_cast<Code>(reader.error().code());
}
Code verdict_hex(std::string_view digits) { return verdict(from_hex(digits)); }

struct DataCase {
    DataFrame frame;
    std::string_view hex;
};

}  // namespace

TEST_CASE("vectors: the frames inside the records") {
    crypto::Algorithms algorithms;
    for (const auto& set : test::vector_sets()) {
        auto records = set.list("tcp_records_c2s");
        RecordOpener opener(algorithms, set.suite(), set.secret("attach_1_client_key"));
        std::vector<std::string> plains;
        for (auto& record : records)
            plains.emplace_back(Bytes(*opener.open({}, test::writable(record))).text());

        Page page;
        CHECK(page.writer.settings({20000, {}}));
        CHECK(page.writer.data(
            {.channel = chat, .type = 0x30, .begins = true, .ends = true, .offset = 0, .data = "hello"}));
        CHECK(page.writer.data(
            {.channel = ChannelId('S', 0), .type = 0x31, .begins = true, .ends = true, .offset = 0}));
        CHECK(page.written().text() == plains[0]);
        Page first, last;
        CHECK(first.writer.data(
            {.channel = chat, .type = 0x32, .begins = true, .total_bytes = 17, .data = "part one "}));
        CHECK(first.written().text() == plains[1]);
        CHECK(last.writer.data({.channel = chat, .ends = true, .data = "part two"}));
        CHECK(last.written().text() == plains[2]);
        int count = 0;
        CHECK(verdict(plains[0], &count) == Code::no_error);
        CHECK(count == 3);
        CHECK(only<DataFrame>(plains[1]).total_bytes == 17);

        auto answer = set.bytes("tcp_record_s2c");
        RecordOpener back(algorithms, set.suite(), set.secret("attach_1_server_key"));
        const auto plain = back.open({}, test::writable(answer));
        REQUIRE(plain);
        Page reply(plain->size());
        CHECK(reply.writer.settings({20000, {}}));
        CHECK(reply.writer.window({chat, 21, 262144}));
        CHECK(reply.writer.data(
            {.channel = chat, .type = 0x30, .begins = true, .ends = true, .offset = 0, .data = "world"}));
        reply.writer.pad();
        CHECK(reply.written() == Bytes(*plain));
    }
}

TEST_CASE("data: each shape that exists, as bytes") {
    const DataCase cases[] = {
        {{.channel = chat, .type = 7, .begins = true, .ends = true, .data = "ab"},
         "13 07 0002 43000000 6162"},
        {{.channel = chat, .begins = true, .ends = true}, "13 00 0000 43000000"},
        {{.channel = other, .begins = true, .total_bytes = 3, .data = "ab"},
         "15 00 0002 53800001 00000003 6162"},
        {{.channel = chat, .begins = true, .total_bytes = 1}, "15 00 0000 43000000 00000001"},
        {{.channel = chat, .data = "a"}, "10 00 0001 43000000 61"},
        {{.channel = chat, .ends = true, .data = "a"}, "12 00 0001 43000000 61"},
        {{.channel = chat, .ends = true}, "12 00 0000 43000000"},
        {{.channel = chat, .is_fin = true}, "20 00 0000 43000000"},
        {{.channel = chat, .ends = true, .is_fin = true, .data = "a"}, "22 00 0001 43000000 61"},
        {{.channel = chat, .begins = true, .ends = true, .is_fin = true}, "23 00 0000 43000000"},
        {{.channel = chat, .begins = true, .ends = true, .offset = 5},
         "1B 00 0000 43000000 0000000000000005"},
        {{.channel = chat, .begins = true, .offset = offset_max, .total_bytes = 9},
         "1D 00 0000 43000000 7FFFFFFFFFFFFFFF 00000009"},
        {{.channel = chat, .is_fin = true, .offset = 9}, "28 00 0000 43000000 0000000000000009"},
    };
    for (const auto& each : cases) {
        CAPTURE(each.hex);
        Page page;
        REQUIRE(page.writer.data(each.frame));
        CHECK(test::to_hex(page.written()) == test::to_hex(from_hex(each.hex)));
        CHECK(page.writer.size() == FrameWriter::head_bytes(each.frame) + each.frame.data.size());
        const auto back = only<DataFrame>(page.written());
        CHECK(back.channel == each.frame.channel);
        CHECK(back.type == each.frame.type);
        CHECK(back.begins == each.frame.begins);
        CHECK(back.ends == each.frame.ends);
        CHECK(back.is_fin == each.frame.is_fin);
        CHECK(back.offset == each.frame.offset);
        CHECK(back.total_bytes == each.frame.total_bytes);
        CHECK(back.data == each.frame.data);
        CHECK(back.cost() == (each.frame.begins ? 16 : 0) + each.frame.data.size());
        for (std::size_t cut = 1; cut < page.written().size(); ++cut)
            CHECK(verdict(page.written().first(cut)) == Code::frame);
    }
}

TEST_CASE("data: all 32 kinds, with and without bytes, are taken or refused as the table says") {
    for (unsigned kind = 0x10; kind <= 0x2F; ++kind)
        for (const unsigned size : {0u, 2u})
            for (const unsigned total : {0u, 2u, 3u}) {
                const bool begins = kind & 1, ends = kind & 2, has_total = kind & 4, fin = kind >= 0x20;
                std::string plain{static_cast<char>(kind), 0, 0, static_cast<char>(size), 'C', 0, 0, 0};
                if (kind & 8) plain += std::string(8, '\0');
                if (has_total) plain += std::string{0, 0, 0, static_cast<char>(total)};
                plain += std::string(size, 'x');
                bool good = has_total == (begins && !ends) && (!has_total || total > size);
                if (!ends) good = good && (fin ? !begins && size == 0 : begins || size > 0);
                CAPTURE(kind);
                CAPTURE(size);
                CAPTURE(total);
                CHECK(verdict(plain) == (good ? Code::no_error : Code::frame));
            }
}

TEST_CASE("control frames: what is written is read") {
    Page page;
    REQUIRE(page.writer.ping({0x0102030405060708, 0}));
    CHECK(test::to_hex(page.written()) == "3300000c010203040506070800000000");
    CHECK(only<PingFrame>(page.written()).opaque == 0x0102030405060708);
    Page pong;
    REQUIRE(pong.writer.pong({1, 250}));
    CHECK(only<PongFrame>(pong.written()).held_us == 250);
    Page reset;
    REQUIRE(reset.writer.reset({other, Code::cancelled, 77}));
    CHECK(test::to_hex(reset.written()) == "3700000e538000010308000000000000004d");
    const auto was_reset = only<ResetFrame>(reset.written());
    CHECK(was_reset.channel == other);
    CHECK(was_reset.code == Code::cancelled);
    CHECK(was_reset.final_offset == 77);
    Page stop;
    REQUIRE(stop.writer.stop({chat, Code::refused}));
    CHECK(only<StopFrame>(stop.written()).code == Code::refused);
    Page close;
    REQUIRE(close.writer.close(Code::no_error, std::string(300, 't')));
    CHECK(only<CloseFrame>(close.written()).text == std::string(255, 't'));
    Page settings;
    REQUIRE(settings.writer.settings({20000, 2048}));
    CHECK(only<SettingsFrame>(settings.written()).ping_ms == 20000);
    CHECK(only<SettingsFrame>(settings.written()).record_bytes_max == 2048);
    Page none;
    REQUIRE(none.writer.settings({}));
    CHECK_FALSE(only<SettingsFrame>(none.written()).ping_ms);

    Page goaway;
    const ChannelId accepted[] = {chat, other};
    const Endpoint endpoints[] = {{Transport::tcp, "node-2", 80, {}},
                                  {Transport::udp, "node-3", 81, "12345678"}};
    REQUIRE(goaway.writer.goaway(Code::shutdown, 30000, accepted, endpoints, "bye"));
    const auto away = only<GoawayFrame>(goaway.written());
    CHECK(away.code == Code::shutdown);
    CHECK(away.drain_ms == 30000);
    CHECK(away.text == "bye");
    CHECK(std::ranges::equal(away.accepted, accepted, {}, &Mark::channel));
    REQUIRE(away.endpoints.size() == 2);
    auto at = away.endpoints.begin();
    CHECK(at->host == "node-2");
    ++at;
    CHECK(at->cid.text() == "12345678");
    for (const auto* each : {&page, &pong, &reset, &stop, &close, &settings, &goaway})
        for (std::size_t cut = 1; cut < each->written().size(); ++cut) {
            CHECK(verdict(each->written().first(cut)) == Code::frame);
            // Also with a length that agrees: too short, or with bytes left over.
            if (cut < 4) continue;
            std::string shorter(each->written().first(cut).text());
            shorter[2] = static_cast<char>((cut - 4) >> 8);
            shorter[3] = static_cast<char>(cut - 4);
            const bool is_whole = each == &settings && (cut == 4 || cut == 12);
            CHECK(verdict(shorter) == (is_whole ? Code::no_error : Code::frame));
            std::string longer(each->written().text());
            longer += 'x';
            longer[2] = static_cast<char>((longer.size() - 4) >> 8);
            longer[3] = static_cast<char>(longer.size() - 4);
            CHECK(verdict(longer) == Code::frame);
        }
}

TEST_CASE("window entries share a frame while nothing comes between") {
    Page page;
    CHECK(page.writer.window({{}, 100, 4 << 20}));
    CHECK(page.writer.window({chat, 5, 262144}));
    CHECK(page.writer.window(
        {.channel = other, .consumed = offset_max, .window_bytes = 1, .is_final_acked = true}));
    CHECK(page.writer.size() == 4 + 3 * 16);
    const auto frame = only<WindowFrame>(page.written());
    REQUIRE(frame.entries.size() == 3);
    auto at = frame.entries.begin();
    CHECK(at->channel.is_connection());
    CHECK(at->consumed == 100);
    ++at;
    CHECK(at->window_bytes == 262144);
    ++at;
    CHECK(at->is_final_acked);
    CHECK(at->consumed == offset_max);
    CHECK(page.writer.ping({}));
    CHECK(page.writer.window({chat, 6, 262144}));
    int count = 0;
    CHECK(verdict(page.written(), &count) == Code::no_error);
    CHECK(count == 3);

    Page small(4 + 16 + 15);
    CHECK(small.writer.window({chat, 1, 1}));
    CHECK_FALSE(small.writer.window({chat, 2, 1}));
    CHECK(only<WindowFrame>(small.written()).entries.size() == 1);
}

TEST_CASE("hostile windows, resets and settings") {
    CHECK(verdict_hex("31000000") == Code::frame);                                   // no entry
    CHECK(verdict_hex("3100000f 43000000 0000000000000001 000000") == Code::frame);  // 15 bytes
    CHECK(verdict_hex("31000010 00000000 8000000000000001 00000001") ==
          Code::frame);  // the connection has no end
    CHECK(verdict_hex("31000010 00000001 0000000000000001 00000001") == Code::frame);  // letter 0
    CHECK(verdict_hex("31000010 20000001 0000000000000001 00000001") == Code::frame);  // letter ' '
    CHECK(verdict_hex("31000010 7F000001 0000000000000001 00000001") == Code::frame);  // letter DEL
    CHECK(verdict_hex("31010010 43000000 0000000000000001 00000001") == Code::frame);  // arg
    CHECK(verdict_hex("31000010 43000000 FFFFFFFFFFFFFFFF FFFFFFFF") == Code::no_error);
    CHECK(verdict_hex("3700000e 43000000 0001 8000000000000000") == Code::frame);  // beyond all offsets
    CHECK(verdict_hex("3700000e 00000000 0001 0000000000000000") == Code::frame);
    CHECK(verdict_hex("3b000006 00000000 0001") == Code::frame);
    CHECK(verdict_hex("3d000007 0001 0003 000001") == Code::frame);
    CHECK(verdict_hex("3d000008 0002 0004 000007ff") == Code::frame);
    CHECK(verdict_hex("3d000008 0002 0004 00000800") == Code::no_error);
    CHECK(verdict_hex("3d000008 0002 0004 00004000") == Code::no_error);
    CHECK(verdict_hex("3d000008 0002 0004 00004001") == Code::frame);
    CHECK(verdict_hex("3d000010 0001 0004 00000800 0001 0004 00000800") == Code::frame);  // twice
    CHECK(verdict_hex("3d000010 0002 0004 00000800 0001 0004 00000800") == Code::frame);  // descending
    CHECK(verdict_hex("3d000004 0009 0000") == Code::no_error);                           // unknown: skipped
    CHECK(verdict_hex("3d000004 8000 0000") == Code::frame);  // unknown and critical
}

TEST_CASE("resume: entries with all states, in parts, and hostile ones") {
    std::vector<ResumeEntry> entries;
    for (unsigned i = 0; i < 8; ++i) {
        ResumeEntry entry{.channel = ChannelId('a', i), .offset = i * 10, .limit = 1000 + i};
        if ((i & 1) != 0) entry.final_offset = i * 10 + 5;
        entry.is_reset = (i & 2) != 0;
        entry.is_stopped = (i & 4) != 0;
        if (i > 1) entry.code = Code::cancelled;
        entries.push_back(entry);
    }
    const ChannelId opened[] = {ChannelId('a', 7)};
    for (const std::size_t room : {std::size_t{4096}, std::size_t{120}, std::size_t{40}}) {
        std::span<const ResumeEntry> left(entries);
        std::vector<ResumeEntry> back;
        for (bool is_last = false; !is_last;) {
            Page page(room);
            const auto before = left.size();
            is_last = page.writer.resume(left, opened);
            REQUIRE((is_last || left.size() < before));
            const auto frame = only<ResumeFrame>(page.written());
            CHECK(frame.is_last == is_last);
            CHECK(frame.opened.size() == (is_last ? 1 : 0));
            for (const auto& entry : frame.entries) back.push_back(entry);
            for (std::size_t cut = 1; cut < page.written().size(); ++cut)
                CHECK(verdict(page.written().first(cut)) == Code::frame);
        }
        CHECK(std::ranges::equal(back, entries, [](const ResumeEntry& a, const ResumeEntry& b) {
            return a.channel == b.channel && a.offset == b.offset && a.limit == b.limit &&
                   a.final_offset == b.final_offset && a.is_reset == b.is_reset &&
                   a.is_stopped == b.is_stopped &&
                   a.code == (b.is_reset || b.is_stopped ? b.code : Code::no_error);
        }));
    }
    std::span<const ResumeEntry> left(entries);
    Page tiny(20);
    CHECK_FALSE(tiny.writer.resume(left, opened));
    CHECK(tiny.writer.size() == 0);
    CHECK(left.size() == entries.size());

    const auto entry = [](std::string_view cid, std::string_view state, std::string_view offset,
                          std::string_view limit) {
        return verdict_hex("30010018 0001 " + std::string(cid) + std::string(state) + std::string(offset) +
                           std::string(limit) + "00");
    };
    constexpr auto zero = "0000000000000000", one = "0000000000000001", high = "8000000000000000";
    CHECK(entry("43000000", "00", zero, one) == Code::no_error);
    CHECK(entry("00000000", "00", zero, one) == Code::frame);
    CHECK(entry("43000000", "08", zero, one) == Code::frame);
    CHECK(entry("43000000", "00", one, zero) == Code::frame);
    CHECK(entry("43000000", "00", high, high) == Code::frame);
    CHECK(verdict_hex("30020003 0000 00") == Code::frame);  // arg
    CHECK(verdict_hex("30010003 0000 00") == Code::no_error);
    CHECK(verdict_hex("30010003 ffff 00") == Code::frame);
    CHECK(verdict_hex("30010007 0000 01 20000000") == Code::frame);
    CHECK(verdict_hex("30010020 0001 43000000 01 0000000000000005 0000000000000009 0000000000000004 00") ==
          Code::frame);  // ends before what was received
}

TEST_CASE("unknown kinds are refused or skipped, and padding is zeros to the end") {
    for (unsigned kind = 0; kind < 256; ++kind) {
        const std::string plain{static_cast<char>(kind), 0, 0, 1, 'x'};
        const bool known = kind == 0 || (kind >= 0x10 && kind <= 0x31) || (kind >= 0x33 && kind <= 0x37) ||
                           kind == 0x3B || kind == 0x3D;
        CAPTURE(kind);
        CHECK(verdict(plain) == (kind >= 0xC0 ? Code::no_error : known ? Code::frame : Code::protocol));
    }
    int count = 0;
    CHECK(verdict(from_hex("C0FF0002 1234 33000000 "), &count) == Code::frame);
    CHECK(verdict(from_hex("C0FF0002 1234 3b000006 43000000 0001"), &count) == Code::no_error);
    CHECK(count == 1);
    CHECK(verdict_hex("C0000003 1234") == Code::frame);
    CHECK(verdict_hex("00000000") == Code::no_error);
    CHECK(verdict_hex("00000003 000000") == Code::no_error);
    CHECK(verdict_hex("00000003 000100") == Code::frame);
    CHECK(verdict_hex("00010003 000000") == Code::frame);
    CHECK(verdict_hex("00000002 000000") == Code::frame);
    CHECK(verdict_hex("00000004 000000") == Code::frame);
    CHECK(verdict_hex("000000") == Code::frame);
    CHECK(verdict_hex("00000000 3b000006 43000000 0001") == Code::frame);  // frames behind padding
    CHECK(verdict_hex("") == Code::no_error);
    for (const std::size_t size : {0u, 1u, 3u, 4u, 5u, 100u}) {
        Page page(size);
        page.writer.pad();
        CHECK(page.writer.size() == (size < 4 ? 0 : size));
        CHECK(verdict(page.written()) == Code::no_error);
    }
}

TEST_CASE("a frame that doesn't fit is not written, at each size") {
    const auto fits = [](std::size_t needed, const auto& write) {
        for (std::size_t size = 0; size <= needed; ++size) {
            Page page(size);
            CHECK(write(page.writer) == (size == needed));
            CHECK(page.writer.size() == (size == needed ? needed : 0));
        }
    };
    fits(8 + 3, [](FrameWriter& w) { return w.data({.channel = chat, .data = "abc"}); });
    fits(20, [](FrameWriter& w) {
        return w.data({.channel = chat, .begins = true, .offset = 0, .total_bytes = 1});
    });
    fits(20, [](FrameWriter& w) { return w.window({chat, 1, 1}); });
    fits(16, [](FrameWriter& w) { return w.ping({}); });
    fits(18, [](FrameWriter& w) { return w.reset({chat, Code::no_error, 0}); });
    fits(10, [](FrameWriter& w) { return w.stop({chat, Code::no_error}); });
    fits(7 + 2, [](FrameWriter& w) { return w.close(Code::no_error, "hi"); });
    fits(12, [](FrameWriter& w) { return w.settings({1, {}}); });
    fits(13, [](FrameWriter& w) { return w.goaway(Code::no_error, 0, {}, {}, ""); });
}

TEST_CASE("a head whose data is put behind it") {
    const std::string data(5000, 'd');
    Page room(8 + 5000);
    REQUIRE(room.writer.data_head({.channel = chat, .ends = true, .data = data}));
    std::ranges::copy(data, room.bytes.begin() + static_cast<std::ptrdiff_t>(room.writer.size()));
    room.writer.skip(data.size());
    CHECK(room.writer.left() == 0);
    CHECK(only<DataFrame>(room.written()).data.text() == data);
}
