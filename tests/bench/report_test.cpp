// SPDX-License-Identifier: Apache-2.0
#include <bench/report.hpp>
#include <doctest/doctest.h>

using namespace penstock::bench;

namespace {

Case make_case() {
    return {.group = "g",
            .name = "n",
            .unit = "reply",
            .protocol = Protocol::echo,
            .request = "x",
            .body = "x",
            .connections = 1,
            .depth = 1,
            .contestants = {{"floor", "f", Role::floor},
                            {"ours", "o", Role::ours},
                            {"libuv", "l", Role::peer},
                            {"nginx", "x", Role::peer}},
            .aims = {{"floor", 1.25}, {"libuv", 1.1}, {"nginx", 1.0}}};
}

/// A zero stands for one that is not built.
Samples timed(double floor, double ours, double libuv, double nginx) {
    Samples out(4, 1);
    const double us[] = {floor, ours, libuv, nginx};
    for (std::size_t i = 0; i < 4; ++i) {
        if (us[i] == 0) continue;
        out.set_present(i);
        out.add(i, {0, us[i], 1.0, true});
    }
    return out;
}

Outcome outcome(const Case& test, std::optional<Samples> samples) {
    return {.test = &test, .samples = std::move(samples), .instructions = {}};
}

}  // namespace

TEST_CASE("aims are judged at their edge") {
    const auto test = make_case();
    CHECK(judge(test, timed(4, 5, 5, 6), test.aims[0]) == Verdict::met);
    CHECK(judge(test, timed(4, 5.001, 5, 6), test.aims[0]) == Verdict::missed);
    CHECK(judge(test, timed(4, 5, 5, 5), test.aims[2]) == Verdict::missed);  // equal is not ahead
    CHECK(judge(test, timed(4, 5, 5, 5.001), test.aims[2]) == Verdict::met);
}

TEST_CASE("a case is met when all its aims are, and missed when one is") {
    const auto test = make_case();
    CHECK(judge(test, timed(4, 5, 5, 6)) == Verdict::met);
    CHECK(judge(test, timed(4, 5, 4, 6)) == Verdict::missed);
    CHECK(judge(test, timed(4, 0, 5, 6)) == Verdict::not_measured);
    CHECK(judge(test, timed(4, 5, 5, 0)) == Verdict::not_measured);
    CHECK(judge(test, timed(4, 9, 5, 0)) == Verdict::missed);
}

TEST_CASE("the last line counts cases") {
    const auto test = make_case();
    std::vector<Outcome> outcomes{outcome(test, timed(4, 5, 5, 6))};
    CHECK(summary_text("http", outcomes) == "bench http: 1 case, 1 met, 0 missed\n");
    outcomes.push_back(outcome(test, timed(4, 9, 5, 6)));
    outcomes.push_back(outcome(test, timed(4, 0, 5, 6)));
    outcomes.push_back(outcome(test, {}));
    outcomes.back().failed = true;
    CHECK(summary_text("all", outcomes) == "bench all: 4 cases, 1 met, 1 missed, 1 not measured, 1 failed\n");
}

TEST_CASE("a row shows all, and says when the host was far") {
    const auto test = make_case();
    const auto row = row_text(outcome(test, timed(4, 5, 5, 6)));
    CHECK(row.find("ours 5.000 floor 4.000 libuv 5.000 nginx 6.000 | ratio 1.250 |") != row.npos);
    CHECK(row.find("at most 1.25 of floor (1.250) met") != row.npos);
    CHECK(row.ends_with("| met\n"));
    Samples far(4, 1);
    far.set_present(0);
    far.add(0, {0, 4, 1.0, false});
    CHECK(row_text(outcome(test, far)).ends_with("| not measured (far)\n"));
    CHECK(details_text(outcome(test, far)).find("FAR: 0 rounds") != std::string::npos);
    CHECK(details_text(outcome(test, far)).find("o is not built: left out") != std::string::npos);
}

TEST_CASE("JSON has each slice") {
    const auto test = make_case();
    const std::vector<Outcome> outcomes{outcome(test, timed(4, 0, 5, 6))};
    const auto json = json_text("a \"host\"\\", outcomes);
    CHECK(json.starts_with("{\"host\":\"a host\",\"cases\":["));
    CHECK(json.find("{\"name\":\"floor\",\"built\":true,\"us\":4,\"to_floor\":1,\"busy\":1,\"slices\":"
                    "[{\"round\":0,\"us\":4,\"busy\":1,\"near\":true}]}") != json.npos);
    CHECK(json.find("{\"against\":\"nginx\",\"ratio_max\":1,\"met\":null}") != json.npos);
    CHECK(json.find("{\"name\":\"ours\",\"built\":false,\"us\":null") != json.npos);
}
