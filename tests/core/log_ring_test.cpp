// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/log_ring.hpp>

#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

using penstock::core::LogRing;

namespace {

bool put(LogRing& ring, std::string_view record) {
    if (!ring.begin(record.size())) return false;
    ring.put(record.data(), record.size());
    ring.commit();
    return true;
}

std::string numbered(std::uint64_t number) {
    return std::string(number % 97, static_cast<char>('a' + number % 26)) + std::to_string(number);
}

}  // namespace

TEST_CASE("a log ring's size is clamped and a power of two") {
    CHECK(LogRing(0).size_bytes() == LogRing::bytes_min);
    CHECK(LogRing(LogRing::bytes_min + 1).size_bytes() == 2 * LogRing::bytes_min);
    CHECK(LogRing(std::size_t(-1)).size_bytes() == LogRing::bytes_max);
}

TEST_CASE("records come out whole and in order, also across the ring's end") {
    LogRing ring(0);
    std::string record;
    for (std::uint64_t i = 0; i < 5000; ++i) {
        REQUIRE(put(ring, numbered(i)));
        REQUIRE(ring.take(record, ring.mark()));
        REQUIRE(record == numbered(i));
    }
    CHECK_FALSE(ring.take(record, ring.mark()));
}

TEST_CASE("a log ring takes what fits to the last byte") {
    LogRing ring(0);
    std::string record;
    const std::string most(LogRing::bytes_min - 4, 'x');
    CHECK_FALSE(put(ring, most + "x"));
    CHECK(put(ring, most));
    CHECK_FALSE(put(ring, ""));  // its length has no room
    REQUIRE(ring.take(record, ring.mark()));
    CHECK(record == most);
    CHECK(put(ring, ""));
    CHECK(put(ring, most.substr(4)));
    CHECK_FALSE(put(ring, ""));
    REQUIRE(ring.take(record, ring.mark()));
    CHECK(record.empty());
    REQUIRE(ring.take(record, ring.mark()));
    CHECK(record == most.substr(4));
}

TEST_CASE("a reader stops at its mark") {
    LogRing ring(0);
    std::string record;
    REQUIRE(put(ring, "before"));
    const auto mark = ring.mark();
    REQUIRE(put(ring, "after"));
    CHECK(ring.take(record, mark));
    CHECK_FALSE(ring.take(record, mark));
    CHECK(ring.take(record, ring.mark()));
    CHECK(record == "after");
}

TEST_CASE("a writer and a reader at once: nothing is torn, lost or out of order") {
    LogRing ring(0);
    constexpr std::uint64_t count = 50'000;
    std::thread writer([&] {
        for (std::uint64_t i = 0; i < count;) {
            if (put(ring, numbered(i)))
                ++i;
            else
                std::this_thread::yield();
        }
    });
    std::string record;
    std::uint64_t next = 0, wrong = 0;
    while (next < count) {
        const auto mark = ring.mark();
        while (ring.take(record, mark)) wrong += record != numbered(next++);
    }
    writer.join();
    CHECK(wrong == 0);
    CHECK_FALSE(ring.take(record, ring.mark()));
}
