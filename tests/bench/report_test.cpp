// SPDX-License-Identifier: Apache-2.0
#include <bench/report.hpp>
#include <doctest/doctest.h>

using namespace penstock::bench;

namespace {

Case make_case() {
    return {
        .group = "g",
        .name = "n",
        .unit = "reply",
        .measure = CpuPerReply({.protocol = Protocol::echo, .request = "x", .body = "x", .connections = 1}),
        .contestants = {{"floor", "f", Role::floor},
                        {"ours", "o", Role::ours},
                        {"libuv", "l", Role::peer},
                        {"nginx", "x", Role::peer}},
        .aims = {{"floor", 1.25}, {"libuv", 1.1}, {"nginx", 1.0}}};
}

/// No floor, and an aim that is held against ours alone.
Case make_memory_case() {
    return {.group = "g",
            .name = "memory",
            .unit = "connection",
            .measure = MemoryPerConnection(
                {.protocol = Protocol::echo, .request = "x", .body = "x", .connections = 1'000}),
            .contestants = {{"ours", "o", Role::ours}, {"libuv", "l", Role::peer}},
            .aims = {{{}, 250}}};
}

Samples held(double ours, double libuv) {
    Samples out(2, 1);
    const double bytes[] = {ours, libuv};
    for (std::size_t i = 0; i < 2; ++i) {
        if (bytes[i] == 0) continue;
        out.set_present(i);
        out.add(i, {.value = bytes[i], .near = true});
    }
    return out;
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

TEST_CASE("an aim against nobody is judged by what ours costs") {
    const auto test = make_memory_case();
    CHECK(judge(test, held(250, 270)) == Verdict::met);
    CHECK(judge(test, held(250.001, 270)) == Verdict::missed);
    CHECK(judge(test, held(249, 0)) == Verdict::met);
    CHECK(judge(test, held(0, 270)) == Verdict::not_measured);
    const auto row = row_text(outcome(test, held(251, 270)));
    CHECK(row.find("ours 251.000 libuv 270.000 | ratio - | at most 250 B (251.000) missed | missed\n") !=
          row.npos);
    const auto details = details_text(outcome(test, held(251, 270)));
    CHECK(details.find("private memory of the server in B a connection, 1000 held, 1 rounds, 2 slices\n") !=
          details.npos);
    const auto json = json_text("", {outcome(test, held(251, 270))});
    CHECK(json.find("{\"against\":null,\"max\":250,\"met\":false}") != json.npos);
    CHECK(json.find("\"to_floor\":null") != json.npos);
}

TEST_CASE("at most 1 of oneself is no lead to be ahead by") {
    auto test = make_memory_case();
    test.aims = {{{}, 1}};
    CHECK(judge(test, held(1, 270)) == Verdict::met);
    CHECK(judge(test, held(1.5, 270)) == Verdict::missed);
}

TEST_CASE("an aim that has words is told by them") {
    auto test = make_case();
    test.aims = {{"floor", 1.05, "no slower than the bare loop"}};
    const auto row = row_text(outcome(test, timed(4, 4.2, 5, 6)));
    CHECK(row.find("| no slower than the bare loop (1.050) met |") != row.npos);
}

TEST_CASE("a sum is shown with its figures") {
    auto test = make_case();
    test.measure = OwnTime{.arguments = {}, .figures = {"arm", "cancel"}};
    Samples samples(4, 1);
    samples.set_present(0);
    samples.add(0, {.value = 10, .near = true, .figures = {3, 7}});
    const auto details = details_text(outcome(test, std::move(samples)));
    CHECK(details.find("g/n: time in ns a reply, 1 rounds, 1 slices\n") != details.npos);
    CHECK(details.find("-  arm 3.000 + cancel 7.000\n") != details.npos);
    Samples again(4, 1);
    again.set_present(0);
    again.add(0, {.value = 10, .near = true, .figures = {3, 7}});
    const auto json = json_text("", {outcome(test, std::move(again))});
    CHECK(json.find("\"in\":\"ns\",\"figures\":[\"arm\",\"cancel\"],\"failed\":false") != json.npos);
    CHECK(json.find("{\"round\":0,\"value\":10,\"near\":true,\"figures\":[3,7]}") != json.npos);
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
    CHECK(json.find("{\"name\":\"floor\",\"built\":true,\"value\":4,\"to_floor\":1,\"busy\":1,\"slices\":"
                    "[{\"round\":0,\"value\":4,\"near\":true,\"busy\":1}]}") != json.npos);
    CHECK(json.find("{\"against\":\"nginx\",\"max\":1,\"met\":null}") != json.npos);
    CHECK(json.find("{\"name\":\"ours\",\"built\":false,\"value\":null") != json.npos);
}
