// SPDX-License-Identifier: Apache-2.0
#include <bench/output.hpp>
#include <doctest/doctest.h>

using namespace penstock::bench;
using namespace std::chrono_literals;

namespace {

penstock::Result<std::string> shell(std::string script, std::chrono::milliseconds at_most = 10s) {
    return output_of({"sh", "-c", std::move(script)}, at_most);
}

}  // namespace

TEST_CASE("what a program prints is read to its end") {
    CHECK(*shell("echo a; sleep 0.05; echo b") == "a\nb\n");
    CHECK(shell("exit 0")->empty());
    CHECK(shell("head -c 65536 /dev/zero")->size() == output_bytes_max);
    CHECK(*shell("echo a; exec >&-; sleep 0.05") == "a\n");
}

TEST_CASE("a program that fails has measured nothing") {
    CHECK_FALSE(shell("echo a; exit 3").has_value());
    CHECK_FALSE(shell("echo a; kill -9 $$").has_value());
    CHECK_FALSE(output_of({"/nonexistent"}, 10s).has_value());
}

TEST_CASE("a program that prints or runs without end is stopped") {
    CHECK_FALSE(shell("head -c 65537 /dev/zero").has_value());
    CHECK_FALSE(shell("while :; do echo a; done").has_value());
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(shell("exec sleep 30", 100ms).has_value());
    CHECK_FALSE(shell("exec >&-; exec sleep 30", 100ms).has_value());
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
}
