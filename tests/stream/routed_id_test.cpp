// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/routed_id.hpp>

#include <set>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::stream;

TEST_CASE("an id names its worker, and is another one each time") {
    core::SeededRandom random(3);
    std::set<RoutedId> seen;
    for (const unsigned workers : {1u, 2u, 3u, 16u, 255u})
        for (unsigned owner = 0; owner < workers; ++owner) {
            const auto id = make_routed_id(random, owner, workers);
            CHECK(owner_of(id, workers) == owner);
            CHECK(seen.insert(id).second);
        }
    CHECK(owner_of(RoutedId{0x01, 0x02}, 65536) == 0x0102);
}

TEST_CASE("an id as text is 22 characters, and nothing else is an id") {
    core::SeededRandom random(4);
    const auto id = make_routed_id(random, 0, 1);
    const auto text = id_text(id);
    CHECK(text.size() == id_text_bytes);
    const auto back = parse_id(text);
    REQUIRE(back);
    CHECK(*back == id);
    for (const auto& bad :
         {text.substr(1), text + "A", text + "=", text.substr(0, 21) + "B", std::string()}) {
        const auto result = parse_id(bad);
        REQUIRE_FALSE(result);
        CHECK(is(result.error(), crypto::Code::no_session));
    }
}
