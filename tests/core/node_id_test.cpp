// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/node_id.hpp>
#include <penstock/core/random.hpp>

#include <doctest/doctest.h>

using namespace penstock;

TEST_CASE("a node id has one text and reads back") {
    core::SeededRandom random(1);
    for (int i = 0; i < 100; ++i) {
        const NodeId id(random.bytes<32>());
        REQUIRE(id.text().size() == NodeId::text_length);
        const auto parsed = NodeId::parse(id.text());
        REQUIRE(parsed.has_value());
        CHECK(*parsed == id);
    }
    CHECK(NodeId().text() == std::string(52, 'a'));
    std::array<std::uint8_t, 32> ones;
    ones.fill(0xFF);
    CHECK(NodeId(ones).text() == std::string(51, '7') + "q");
}

TEST_CASE("what is no node id is refused") {
    const std::string good(52, 'a');
    CHECK(NodeId::parse(good).has_value());
    CHECK_FALSE(NodeId::parse("").has_value());
    CHECK_FALSE(NodeId::parse(good + "a").has_value());
    CHECK_FALSE(NodeId::parse(good.substr(1)).has_value());
    CHECK_FALSE(NodeId::parse(std::string(51, 'a') + "b").has_value());  // a second text of the same id
    CHECK_FALSE(NodeId::parse(std::string(51, 'a') + "A").has_value());
    CHECK_FALSE(NodeId::parse(std::string(51, 'a') + "1").has_value());
}
