// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/home.hpp>
#include <penstock/core/slice.hpp>

#include <cstring>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace penstock;

namespace {
struct TestHome : core::Home {};
}  // namespace

TEST_CASE("a slab comes back from its last slice and is used again") {
    TestHome home;
    core::Home::Entered entered(&home);
    auto slice = Slice::copy("hello");
    const auto* data = slice.data();
    CHECK(home.slabs().held_bytes() == 512);
    auto part = slice.share(1, 3);
    CHECK(part.text() == "ell");
    slice = {};
    CHECK(home.slabs().held_bytes() == 512);
    part = {};
    CHECK(home.slabs().held_bytes() == 0);
    CHECK(home.slabs().cached_bytes() == 512);
    CHECK(Slice::copy("again").data() == data);
}

TEST_CASE("the pool keeps a bounded number of free bytes") {
    TestHome home;
    core::Home::Entered entered(&home);
    std::vector<Slice> many;
    for (int i = 0; i < 300; ++i) many.push_back(Slice::copy(std::string(16'000, 'x')));
    many.clear();
    CHECK(home.slabs().held_bytes() == 0);
    CHECK(home.slabs().cached_bytes() == core::SlabPool::cached_bytes_max);
}

TEST_CASE("own gives the slab itself when it is held alone, else a copy") {
    TestHome home;
    core::Home::Entered entered(&home);
    auto alone = Slice::copy("alone");
    const auto* data = alone.data();
    CHECK(std::move(alone).own().data() == data);

    auto shared = Slice::copy("shared");
    auto other = shared.share();
    auto copy = std::move(shared).own();
    CHECK(copy.data() != other.data());
    CHECK(copy.text() == "shared");
    CHECK(std::move(Slice::constant("literal")).own().text() == "literal");
}

TEST_CASE("a buffer may die on another thread, or become that worker's slice") {
    TestHome home, there;
    Buffer buffer;
    {
        core::Home::Entered entered(&home);
        buffer = Buffer::copy("crossing");
    }
    std::thread([&] {
        core::Home::Entered entered(&there);
        auto slice = std::move(buffer).slice();
        CHECK(slice.text() == "crossing");
    }).join();
    CHECK(there.slabs().cached_bytes() == 512);
    auto dies = Buffer::copy("dies elsewhere");
    std::thread([b = std::move(dies)] {}).join();
}

TEST_CASE("a filler packs small pieces into one slab and starts again when all are gone") {
    TestHome home;
    core::Home::Entered entered(&home);
    core::SlabFiller filler;
    auto add = [&](std::string_view text) {
        std::memcpy(filler.room(text.size()).data(), text.data(), text.size());
        return filler.fill(text.size());
    };
    auto first = add("one");
    auto second = add("two");
    CHECK(first.data() + 3 == second.data());
    CHECK(first.text() == "one");
    const auto* front = first.data();
    first = Slice();
    second = Slice();
    CHECK(add("three").data() == front);
    CHECK(filler.room(100'000).size() >= 100'000);
}
