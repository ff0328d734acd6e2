// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/result.hpp>

#include <cerrno>

#include <doctest/doctest.h>

using namespace penstock;

namespace {

Result<int> half(int n) {
    if (n % 2 != 0) return fail(Error::user(7, "odd"));
    return n / 2;
}
Result<int> quarter(int n) {
    const auto once = half(n);
    if (!once) return fail(once);
    return half(*once);
}

}  // namespace

TEST_CASE("an error is passed on with its domain, code and text") {
    CHECK(*quarter(8) == 2);
    const auto odd = quarter(6);
    REQUIRE_FALSE(odd.has_value());
    CHECK(odd.error() == Error::user(7, "the text is no part of equality"));
    CHECK(odd.error().message() == "odd");
}

TEST_CASE("a message says what was tried and what the system answered") {
    CHECK(Error::os(EADDRINUSE, "bind").message() == "bind: Address already in use");
    CHECK(Error::os(ENOENT).message() == "No such file or directory");
    CHECK(Error(core::Domain::stream, 0x101, nullptr).message() == "stream error 257");
    CHECK(Error{}.message() == "no error");
    CHECK_FALSE(Error{});
    CHECK(Error::os(EPIPE));
}
