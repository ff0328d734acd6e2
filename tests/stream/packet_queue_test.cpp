// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>
#include <penstock/stream/packet_queue.hpp>

#include <deque>
#include <string>

#include <doctest/doctest.h>

using namespace penstock;
using stream::PacketQueue;

TEST_CASE("packets come out as they went in, whole or bit by bit") {
    core::SeededRandom random(3);
    PacketQueue queue;
    std::deque<std::pair<std::uint8_t, std::string>> expected;
    std::string front;
    std::size_t bytes = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (random.below(2) == 0 && expected.size() < 200) {
            std::string text(random.below(random.below(8) == 0 ? 20'000 : 80), 'x');
            for (auto& c : text) c = static_cast<char>(random.below(256));
            const auto type = static_cast<std::uint8_t>(random.below(256));
            switch (random.below(3)) {
                case 0: queue.push({.type = type}, Bytes(text)); break;
                case 1: queue.push({.type = type}, Slice::copy(text)); break;
                default: queue.push({.type = type}, std::make_shared<const Buffer>(Buffer::copy(text)));
            }
            bytes += text.size();
            expected.emplace_back(type, text);
        } else if (!expected.empty()) {
            REQUIRE(queue.front().type == expected.front().first);
            const auto part = random.below(queue.front().bytes + 1);
            std::string got(part, '\0');
            queue.copy_to(std::as_writable_bytes(std::span(got)));
            bytes -= part;
            front += got;
            if (queue.front().bytes > 0) continue;
            REQUIRE(front == expected.front().second);
            front.clear();
            queue.pop();
            expected.pop_front();
        }
        REQUIRE(queue.bytes() == bytes);
        REQUIRE(queue.packets() == expected.size());
        REQUIRE(queue.empty() == expected.empty());
    }
}

TEST_CASE("taking gives the whole packet, by reference where it is long") {
    PacketQueue queue;
    const std::string text(PacketQueue::reference_bytes_min, 'y');
    auto slice = Slice::copy(text);
    const auto* at = slice.data();
    queue.push({.type = 1}, Bytes("short"));
    queue.push({.type = 2}, std::move(slice));
    queue.push({.type = 3}, Bytes(""));
    CHECK(queue.cost() == 5 + text.size() + 3 * 16);
    CHECK(queue.take().text() == "short");
    const auto taken = queue.take();
    CHECK(taken.data() == at);
    CHECK(queue.front().type == 3);
    CHECK(queue.take().empty());
    CHECK(queue.empty());
}

TEST_CASE("a shared buffer is let go of when it was sent, and when the queue is cleared") {
    PacketQueue queue;
    const auto shared = std::make_shared<const Buffer>(Buffer::copy(std::string(10'000, 'z')));
    for (int i = 0; i < 100; ++i) queue.push({}, shared);
    CHECK(shared.use_count() == 101);
    std::string got(10'000, '\0');
    for (int i = 0; i < 90; ++i) {
        queue.copy_to(std::as_writable_bytes(std::span(got)));
        REQUIRE(got == shared->text());
        queue.pop();
    }
    CHECK(shared.use_count() == 11);
    queue.clear();
    CHECK(shared.use_count() == 1);
    CHECK(queue.cost() == 0);
}
