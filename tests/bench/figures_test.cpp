// SPDX-License-Identifier: Apache-2.0
#include <bench/figures.hpp>
#include <doctest/doctest.h>

using penstock::bench::read_figures;

namespace {

const std::vector<std::string> arm_and_cancel = {"arm", "cancel"};

}  // namespace

TEST_CASE("figures come in the order in which they are asked for") {
    CHECK(*read_figures("arm 3.5\ncancel 7\n", arm_and_cancel) == std::vector<double>{3.5, 7});
    CHECK(*read_figures("cancel 7e2\narm 0.25\n", arm_and_cancel) == std::vector<double>{0.25, 700});
    CHECK(read_figures("", {})->empty());
}

TEST_CASE("output that is not taken for a measurement") {
    const char* bad[] = {
        "",
        "arm 3.5\n",
        "arm 3.5\ncancel 7",
        "arm 3.5\ncancel 7\narm 3.5\n",
        "arm 3.5\ncancel 7\nfire 1\n",
        "arm 3.5\ncancel 7\n\n",
        "arm 3.5\ncancel\n",
        "arm 3.5\ncancel \n",
        "arm 3.5\ncancel  7\n",
        "arm 3.5\ncancel 7 \n",
        "arm 3.5\ncancel 7ns\n",
        "arm 3.5\ncancel 0\n",
        "arm 3.5\ncancel -7\n",
        "arm 3.5\ncancel +7\n",
        "arm 3.5\ncancel inf\n",
        "arm 3.5\ncancel nan\n",
        "arm 3.5\ncancel 1e999\n",
        "arm 3.5\r\ncancel 7\r\n",
        "arm 3.5 cancel 7\n",
        "Arm 3.5\ncancel 7\n",
    };
    for (const auto* text : bad) {
        CAPTURE(text);
        CHECK_FALSE(read_figures(text, arm_and_cancel).has_value());
    }
    CHECK_FALSE(read_figures("arm 3.5\n", {}).has_value());
}
