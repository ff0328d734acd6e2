// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>
#include <penstock/stream/replay_window.hpp>

#include <cstdlib>
#include <set>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::stream;

namespace {

constexpr std::uint64_t last = ~std::uint64_t{0};

/// The rule itself, with everything remembered.
class Oracle {
public:
    explicit Oracle(std::uint64_t window) : window_(window) {}
    bool check(std::uint64_t n) const {
        if (seen_.empty()) return true;
        const auto newest = *seen_.rbegin();
        const bool is_in = n > last - window_ || n + window_ > newest;
        return is_in && !seen_.contains(n);
    }
    void set(std::uint64_t n) { seen_.insert(n); }

private:
    std::uint64_t window_;
    std::set<std::uint64_t> seen_;
};

/// Steps that stay near the newest, jump ahead, or fall behind.
template <class Window>
void compare(Window& window, std::uint64_t start, std::uint64_t seed, int rounds) {
    core::SeededRandom random(seed);
    Oracle oracle(Window::window);
    std::uint64_t centre = start;
    for (int i = 0; i < rounds; ++i) {
        const auto reach = random.below(50) == 0 ? 3 * Window::window : std::uint64_t{40};
        if (random.below(4) == 0) centre = std::min(last - centre, random.below(reach)) + centre;
        auto n = centre - std::min(centre, random.below(Window::window + 80));
        n += std::min(last - n, random.below(80));
        REQUIRE(window.check(n) == oracle.check(n));
        if (!window.check(n) || random.below(3) == 0) continue;  // a third fails at its tag
        window.set(n);
        oracle.set(n);
        REQUIRE_FALSE(window.check(n));
    }
}

}  // namespace

TEST_CASE("a replay window accepts what a set with the same rule accepts") {
    const int rounds = std::getenv("PENSTOCK_SOAK") != nullptr ? 3'000'000 : 100'000;
    for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1} << 32, last - 200'000, last - 500}) {
        CAPTURE(start);
        RequestWindow window;
        compare(window, start, start + 1, rounds);
        ReplayWindow<2> small;
        compare(small, start, start + 2, rounds / 10);
    }
}

TEST_CASE("100,000 shuffled numbers: each is accepted at most once, and in a window none is lost") {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t n = 0; n < 100'000; ++n) numbers.push_back(n);
    core::SeededRandom random(9);
    for (std::size_t from = 0; from < numbers.size(); from += 200)  // shuffled over less than a window
        for (std::size_t i = 199; i > 0; --i)
            std::swap(numbers[from + i], numbers[from + random.below(i + 1)]);
    RequestWindow window;
    for (const auto n : numbers) {
        REQUIRE(window.check(n));
        window.set(n);
        REQUIRE_FALSE(window.check(n));
    }
}

TEST_CASE("a replay window at its edges") {
    RequestWindow window;
    CHECK(window.check(0));
    CHECK(window.check(last));
    window.set(1000);
    CHECK_FALSE(window.check(1000));
    CHECK(window.check(1000 - 255));
    CHECK_FALSE(window.check(1000 - 256));
    CHECK_FALSE(window.check(0));
    CHECK(window.check(last));
    window.set(1000 - 255);
    CHECK_FALSE(window.check(1000 - 255));
    window.set(1000 + 255);
    CHECK_FALSE(window.check(1000));
    window.set(1000 + 256);
    CHECK_FALSE(window.check(1000));
    CHECK(window.check(1001));
    window.set(last);
    CHECK_FALSE(window.check(last));
    CHECK(window.check(last - 1));
    CHECK(window.check(last - 255));
    CHECK_FALSE(window.check(last - 256));
    CHECK(window.newest() == last);
}

TEST_CASE("a forgery that jumps ahead moves nothing until it is set") {
    RequestWindow window;
    window.set(5);
    CHECK(window.check(1'000'000));
    CHECK(window.check(4));
    CHECK_FALSE(window.check(5));
}
