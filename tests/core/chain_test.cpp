// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/chain.hpp>
#include <penstock/core/home.hpp>
#include <penstock/core/random.hpp>

#include <array>

#include <doctest/doctest.h>

using namespace penstock;

namespace {
struct TestHome : core::Home {};

std::string text(const Chain& chain) {
    std::string out(chain.size(), '\0');
    chain.copy_to(reinterpret_cast<std::byte*>(out.data()), out.size());
    return out;
}
}  // namespace

TEST_CASE("a chain joins what lies side by side and cuts without copying") {
    TestHome home;
    core::Home::Entered entered(&home);
    Chain chain;
    chain.append("Hello, ");
    chain.append("World!");
    std::array<Bytes, 4> views;
    CHECK(chain.views(views) == 1);
    chain.append(Slice::constant(" And more."));
    CHECK(chain.views(views) == 2);
    const auto* data = views[0].data();
    CHECK(chain.take(5).data() == data);
    chain.drop(2);
    CHECK(text(chain) == "World! And more.");
    CHECK(chain.take(8).text() == "World! A");  // across an edge: a copy
    CHECK(text(chain.split(3)) == "nd ");
    CHECK(text(chain) == "more.");
    chain.prepend_u32(0x01020304);
    CHECK(chain.u32() == 0x01020304);
    chain.clear();
    CHECK(chain.empty());
}

TEST_CASE("whatever is appended, cut and moved, the bytes are those of a string") {
    TestHome home;
    core::Home::Entered entered(&home);
    core::SeededRandom random(11);
    Chain chain;
    std::string model;
    for (int step = 0; step < 20'000; ++step) {
        const std::string piece(random.below(700), static_cast<char>('a' + random.below(26)));
        switch (random.below(8)) {
            case 0: chain.append(Slice::copy(piece)), model += piece; break;
            case 1: chain.append(Bytes(piece)), model += piece; break;
            case 2: chain.prepend(Slice::copy(piece)), model = piece + model; break;
            case 3: {
                Chain other;
                other.append(Bytes(piece));
                other.append(std::move(chain));
                chain = std::move(other);
                model = piece + model;
                break;
            }
            default: {
                const auto count = random.below(std::min<std::size_t>(model.size(), 2000) + 1);
                const auto how = random.below(3);
                const auto expected = model.substr(0, count);
                if (how == 0) {
                    CHECK(chain.take(count).text() == expected);
                } else if (how == 1) {
                    CHECK(text(chain.split(count)) == expected);
                } else {
                    chain.drop(count);
                }
                model.erase(0, count);
            }
        }
        REQUIRE(chain.size() == model.size());
    }
    CHECK(text(chain) == model);
    chain.clear();
    CHECK(home.slabs().held_bytes() <= 16 * 1024);  // the outgoing filler's own
}
