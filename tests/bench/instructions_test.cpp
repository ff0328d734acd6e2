// SPDX-License-Identifier: Apache-2.0
#include <bench/instructions.hpp>
#include <doctest/doctest.h>

using penstock::bench::callgrind_total;

TEST_CASE("the total of a callgrind file") {
    CHECK(*callgrind_total("# callgrind format\nevents: Ir\nfn=(1)\n0 5\ntotals: 1234567\n") == 1'234'567);
    CHECK(*callgrind_total("\ntotals: 0") == 0);
}

TEST_CASE("callgrind files without one total") {
    for (const auto* text :
         {"", "totals: 5", "\ntotals:5\n", "\ntotals: \n", "\ntotals: x\n", "\ntotals: 5x\n",
          "\ntotals: 5 6\n", "\ntotals: -5\n", "\ntotals: 99999999999999999999\n"}) {
        CAPTURE(text);
        CHECK_FALSE(callgrind_total(text).has_value());
    }
}
