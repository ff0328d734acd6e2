// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/random.hpp>
#include <penstock/stream/window.hpp>

#include <doctest/doctest.h>
#include <stream/parties.hpp>

using namespace penstock;
using namespace penstock::stream;
using crypto::Code;
using test::code;

TEST_CASE("sending: credit is what the limit leaves, and limits never shrink") {
    SendWindow window(100);
    CHECK(window.credit() == 100);
    CHECK(window.payload_max(true) == 84);
    CHECK(window.payload_max(false) == 100);
    window.send(90);
    CHECK(window.credit() == 10);
    CHECK_FALSE(window.payload_max(true));
    CHECK(window.payload_max(false) == 10);
    CHECK(window.update(50, 100));
    CHECK(window.limit() == 150);
    CHECK(window.consumed() == 50);
    CHECK(window.update(40, 20));  // an older one
    CHECK(window.limit() == 150);
    CHECK(window.consumed() == 50);
    CHECK(window.update(90, 10));
    CHECK(window.limit() == 150);
    CHECK(code(window.update(91, 100)) == Code::flow);
    window.send(60);
    CHECK(window.credit() == 0);
    CHECK(window.payload_max(false) == 0);
    CHECK(window.update(150, 16));
    CHECK(window.payload_max(true) == 0);
}

TEST_CASE("sending near the largest offset does not overflow") {
    SendWindow window(offset_max - 10, offset_max - 20, offset_max - 5);
    CHECK(window.credit() == 5);
    CHECK(window.update(offset_max - 10, 0xFFFFFFFF));
    CHECK(window.limit() == offset_max);
    CHECK(window.credit() == 10);
    CHECK_FALSE(window.payload_max(true));
    window.send(10);
    CHECK(window.credit() == 0);
    SendWindow behind(100, 0, 50);  // a limit below what was sent, as after an attach
    CHECK(behind.credit() == 0);
}

TEST_CASE("receiving: limit, order and end") {
    ReceiveWindow window(100);
    CHECK(window.receive(0, 60, false));
    CHECK(window.receive(std::nullopt, 40, false));
    CHECK(code(window.receive(std::nullopt, 1, false)) == Code::flow);
    CHECK(window.receive(std::nullopt, 0, false));
    CHECK(code(window.receive(99, 0, false)) == Code::offset);
    CHECK(code(window.receive(std::nullopt, offset_max, false)) == Code::flow);
    CHECK(code(window.receive(std::nullopt, ~std::uint64_t{0}, false)) == Code::flow);
    window.consume(100);
    CHECK(window.announce().consumed == 100);
    CHECK(window.limit() == 200);
    CHECK(window.receive(100, 50, true));
    CHECK(window.has_all());
    CHECK_FALSE(window.is_consumed());
    CHECK(window.final_offset() == 150);
    CHECK(code(window.receive(std::nullopt, 1, false)) == Code::final_size);
    CHECK(code(window.receive(std::nullopt, 1, true)) == Code::final_size);
    CHECK(window.receive(std::nullopt, 0, true));  // the same end again
    window.consume(50);
    CHECK(window.is_consumed());
}

TEST_CASE("receiving: a reset tells the end, and all counts as consumed") {
    ReceiveWindow window(100);
    CHECK(window.receive(std::nullopt, 60, false));
    CHECK(code(window.reset(59)) == Code::final_size);
    CHECK(code(window.reset(101)) == Code::flow);
    CHECK(window.reset(100));
    CHECK(window.is_consumed());
    CHECK(window.has_news());
    CHECK(window.announce().consumed == 100);
    CHECK(code(window.reset(99)) == Code::final_size);
    CHECK(window.reset(100));
    CHECK(code(window.receive(std::nullopt, 1, false)) == Code::final_size);
    ReceiveWindow ended(100);
    CHECK(ended.receive(std::nullopt, 30, true));
    CHECK(code(ended.reset(31)) == Code::final_size);
    CHECK(ended.reset(30));
}

TEST_CASE("receiving: WINDOW is due after half a window or three of the largest pieces") {
    ReceiveWindow small(1000);
    CHECK(small.receive(std::nullopt, 1000, false));
    CHECK_FALSE(small.is_due());
    small.consume(499);
    CHECK_FALSE(small.is_due());
    CHECK(small.has_news());
    small.consume(1);
    CHECK(small.is_due());
    const auto told = small.announce();
    CHECK(told.consumed == 500);
    CHECK(told.window_bytes == 1000);
    CHECK(small.limit() == 1500);
    CHECK_FALSE(small.is_due());
    CHECK_FALSE(small.has_news());

    ReceiveWindow large(8 << 20);
    CHECK(large.receive(std::nullopt, 1 << 20, false));
    large.consume(3 * piece_bytes_max - 1);
    CHECK_FALSE(large.is_due());
    large.consume(1);
    CHECK(large.is_due());

    ReceiveWindow tiny(1);
    CHECK_FALSE(tiny.is_due());
    CHECK(tiny.receive(std::nullopt, 1, false));
    tiny.consume(1);
    CHECK(tiny.is_due());
}

TEST_CASE("receiving: a window grows up to its cap, and never shrinks") {
    ReceiveWindow window(1000);
    window.grow(2000);
    CHECK(window.limit() == 1000);
    CHECK(window.announce().window_bytes == 2000);
    CHECK(window.limit() == 2000);
    window.grow(500);
    CHECK(window.window_bytes() == 2000);
    window.grow(0xFFFFFFFF);
    CHECK(window.window_bytes() == channel_window_bytes_max);
}

TEST_CASE("a connection gives room back at once until three quarters of the cap are buffered") {
    ConnectionWindow window(100, 400);
    CHECK(window.receive(100));
    CHECK(code(window.receive(1)) == Code::flow);
    CHECK(window.is_due());
    CHECK(window.announce().consumed == 100);
    CHECK(window.receive(100));
    window.announce();
    CHECK(window.receive(100));
    window.announce();
    CHECK(window.limit() == 400);  // 300 buffered: from here on only what is consumed
    CHECK(window.receive(100));
    CHECK_FALSE(window.is_due());
    CHECK(window.announce().consumed == 300);
    CHECK(code(window.receive(1)) == Code::flow);
    CHECK(window.buffered() == 400);  // never above the cap
    window.consume(60);
    CHECK(window.is_due());
    CHECK(window.announce().consumed == 360);
    CHECK(window.limit() == 460);
    CHECK(window.receive(60));
    CHECK(code(window.receive(1)) == Code::flow);
    window.consume(400);
    CHECK(window.announce().consumed == 460);
    CHECK(window.buffered() == 0);
}

TEST_CASE("a connection begins at zero at each attach, with what is still buffered") {
    ConnectionWindow window(100, 400);
    for (int i = 0; i < 4; ++i) {
        CHECK(window.receive(90));
        window.announce();
    }
    window.attach();
    CHECK(window.limit() == 100);
    CHECK(window.buffered() == 360);
    CHECK(window.receive(40));
    CHECK(window.announce().consumed == 0);  // 100 are held back, 40 came
    window.consume(80);
    CHECK(window.announce().consumed == 20);
    CHECK(window.limit() == 120);
    window.consume(320);
    CHECK(window.announce().consumed == 40);
}

TEST_CASE("two sides that keep the rules never break them, and never stall") {
    core::SeededRandom random(11);
    for (int round = 0; round < 50; ++round) {
        const auto bytes = static_cast<std::uint32_t>(17 + random.below(4000));
        SendWindow sender(bytes);
        ReceiveWindow receiver(bytes);
        std::uint64_t unread = 0;
        for (int step = 0; step < 2000; ++step) {
            const bool begins = random.below(2) == 0;
            if (const auto most = sender.payload_max(begins)) {
                const auto cost = piece_cost(begins, random.below(*most + 1));
                REQUIRE(receiver.receive(sender.offset(), cost, false));
                sender.send(cost);
                unread += cost;
            }
            const auto taken = random.below(unread + 1);
            receiver.consume(taken);
            unread -= taken;
            if (!receiver.is_due() && random.below(10) != 0) continue;
            const auto told = receiver.announce();
            REQUIRE(sender.update(told.consumed, told.window_bytes));
            REQUIRE(sender.limit() == receiver.limit());
        }
        CHECK(sender.offset() > bytes);
    }
}
