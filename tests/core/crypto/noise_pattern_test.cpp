// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/noise_pattern.hpp>

#include <doctest/doctest.h>

using namespace penstock::crypto;

TEST_CASE("the protocol's two patterns are what their names say") {
    CHECK(parse_pattern("XXpsk0+psk3") == xx_psk0_psk3);
    CHECK(parse_pattern("NNpsk0") == nn_psk0);
    CHECK(xx_psk0_psk3.message_count() == 3);
    CHECK(xx_psk0_psk3.psk_count() == 2);
    CHECK(nn_psk0.message_count() == 2);
}

TEST_CASE("psks go to the front of the first message and to the end of others") {
    const auto pattern = parse_pattern("IKpsk0+psk1+psk2");
    REQUIRE(pattern);
    using enum Token;
    CHECK(pattern->messages[0] == Pattern::Message{psk, e, es, s, ss, psk});
    CHECK(pattern->messages[1] == Pattern::Message{e, ee, se, psk});
    CHECK(pattern->psk_count() == 3);
    CHECK(pattern->responder_is_known);
    CHECK_FALSE(pattern->initiator_is_known);
}

TEST_CASE("other names are no patterns") {
    for (const auto* name : {"",
                             "x",
                             "XXX",
                             "NNN",
                             "psk0",
                             "XXpsk",
                             "XXpsk4",
                             "XXpsk0psk3",
                             "XXpsk3+psk0",
                             "XXpsk0+psk0",
                             "XXpsk0+",
                             "XX+psk0",
                             "XXfallback",
                             "XXpsk0+fallback",
                             "XX1",
                             "XXpsk0+psk3 ",
                             "NNpsk3",
                             "Npsk2",
                             "XXpsk:",
                             "XXpsk/",
                             "XXpsk10",
                             "IX+",
                             "xx"}) {
        CAPTURE(name);
        CHECK_FALSE(parse_pattern(name));
    }
}
