// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/secret.hpp>
#include <penstock/core/sendable.hpp>

#include <new>
#include <utility>

#include <doctest/doctest.h>
#include <support/hex.hpp>

using namespace penstock;
using crypto::Secret;

static_assert(core::Sendable<Secret<32>> && !core::Sendable<crypto::Algorithms>);

TEST_CASE("a secret is wiped when it dies and when it is moved from") {
    const auto bytes = test::array<4>("\1\2\3\4");
    alignas(Secret<4>) std::byte room[sizeof(Secret<4>)];
    auto* secret = new (room) Secret<4>(bytes);
    CHECK(Bytes(room, 4) == Bytes(bytes));
    secret->~Secret();
    CHECK(Bytes(room, 4) == Bytes(test::from_hex("00000000")));

    // What was moved from is what is looked at here.
    // NOLINTBEGIN(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    Secret<4> from(bytes);
    Secret<4> to(std::move(from));
    CHECK(from.is_zero());
    CHECK(to == Secret<4>(bytes));
    from = std::move(to);
    CHECK(to.is_zero());
    CHECK(from == Secret<4>(bytes));
    // NOLINTEND(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    auto& self = from;
    from = std::move(self);
    CHECK(from == Secret<4>(bytes));
}

TEST_CASE("secrets are equal in all bytes or not at all") {
    CHECK(crypto::equal("same", "same"));
    CHECK(crypto::equal("", ""));
    CHECK_FALSE(crypto::equal("same", "sam"));
    for (std::size_t i = 0; i < 8; ++i) CHECK_FALSE(crypto::equal("eightchr", test::flipped("eightchr", i)));
}

TEST_CASE("locked memory holds a value and can be moved") {
    crypto::Locked<Secret<32>> a;
    CHECK(a->is_zero());
    a->data()[31] = 7;
    auto b = std::move(a);
    CHECK_FALSE(a);
    CHECK(b->data()[31] == 7);
    b = crypto::Locked<Secret<32>>();
    CHECK(b->is_zero());
}
