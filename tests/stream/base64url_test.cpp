// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/random.hpp>
#include <penstock/stream/base64url.hpp>

#include <array>

#include <doctest/doctest.h>

using namespace penstock;
using namespace penstock::stream;

namespace {

std::string encoded(Bytes bytes) {
    std::string out;
    append_base64url(out, bytes);
    return out;
}

bool is_refused(std::string_view text, std::size_t count) {
    std::array<std::byte, 64> room;
    return !decode_base64url(text, std::span(room).first(count));
}

}  // namespace

TEST_CASE("base64url: the examples of RFC 4648, without padding") {
    CHECK(encoded("") == "");
    CHECK(encoded("f") == "Zg");
    CHECK(encoded("fo") == "Zm8");
    CHECK(encoded("foo") == "Zm9v");
    CHECK(encoded("foob") == "Zm9vYg");
    CHECK(encoded("foobar") == "Zm9vYmFy");
    CHECK(encoded("\xFB\xEF\xFF") == "--__");
}

TEST_CASE("base64url: what was encoded decodes to the same bytes, at every length") {
    core::SeededRandom random(1);
    std::array<std::byte, 64> bytes, back;
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
        random.fill(std::span(bytes).first(size));
        const auto text = encoded(Bytes(bytes).first(size));
        CHECK(text.size() == base64url_chars(size));
        REQUIRE(decode_base64url(text, std::span(back).first(size)));
        CHECK(Bytes(back).first(size) == Bytes(bytes).first(size));
    }
}

TEST_CASE("base64url: anything but the one encoding is refused") {
    CHECK_FALSE(is_refused("Zg", 1));
    for (const auto* text :
         {"", "Z", "Zh", "Zg=", "Zg==", " Zg", "Zg ", "Z", "Zm8", "Z\ng", "Z+", "Z/", "Z.", "Z\xFF"})
        CHECK(is_refused(text, 1));
    CHECK_FALSE(is_refused("Zm8", 2));
    for (const auto* text : {"Zm9", "Zm8=", "Zm", "Zm8A"}) CHECK(is_refused(text, 2));
    CHECK(is_refused(std::string_view("Z\0", 2), 1));
}
