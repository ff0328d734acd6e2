// SPDX-License-Identifier: Apache-2.0
// bench CASE...: measures ours in a case against its floor and peers. See measure.hpp for how.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include <CLI/CLI.hpp>
#include <bench/host.hpp>
#include <bench/measure.hpp>
#include <bench/report.hpp>

namespace penstock::bench {
namespace {

struct Options {
    std::string what;
    std::string json;
    Plan plan;
    double slice_seconds = 0.35;
    bool instructions = false;
    std::uint64_t requests = 20'000;
};

bool is_asked_for(const Case& test, const std::string& what) {
    return what == "all" || what == test.group || what == test.title();
}

void count(Outcome& outcome, const Options& options) {
    const auto& test = *outcome.test;
    const auto* cpu = std::get_if<CpuPerReply>(&test.measure);
    if (cpu == nullptr) return;
    for (const auto& contestant : test.contestants) {
        auto& out = outcome.instructions.emplace_back();
        if (!contestant.instructions || !is_built(options.plan, contestant) || is_interrupted()) continue;
        const auto counted =
            count_instructions(cpu->traffic, program_of(options.plan, contestant), options.requests);
        if (counted) {
            out = *counted;
            continue;
        }
        outcome.failed = true;
        std::fprintf(stderr, "error: %s: %s under valgrind: %s\n", test.title().c_str(),
                     std::string(contestant.name).c_str(), counted.error().message().c_str());
    }
}

Outcome run_case(const Case& test, const Options& options) {
    Outcome out{.test = &test, .samples = {}, .instructions = {}};
    if (options.plan.rounds > 0) {
        if (auto samples = measure(test, options.plan))
            out.samples = std::move(*samples);
        else
            out.failed = true;
    }
    if (options.instructions) count(out, options);
    std::fputs(details_text(out).c_str(), stdout);
    std::fflush(stdout);
    return out;
}

int run(const Options& options) {
    watch_interrupts();
    raise_descriptor_limit();
    const Priority priority;
    if (const auto pinned = pin_to(load_core); !pinned) return complain(pinned.error());
    const auto host = host_text();
    std::printf("host: %s; server on core %d, load on core %d, priority %s\n", host.c_str(), server_core,
                load_core, priority.is_raised() ? "raised" : "not raised (not allowed)");
    std::fflush(stdout);
    std::vector<Outcome> outcomes;
    for (const auto& test : cases())
        if (is_asked_for(test, options.what) && !is_interrupted())
            outcomes.push_back(run_case(test, options));
    if (!options.json.empty() && !(std::ofstream(options.json) << json_text(host, outcomes)))
        return complain(Error::user(1, "the JSON file could not be written"));
    for (const auto& outcome : outcomes) std::fputs(row_text(outcome).c_str(), stdout);
    std::fputs(summary_text(options.what, outcomes).c_str(), stdout);
    const bool failed =
        std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& o) { return o.failed; });
    return failed || is_interrupted() ? 1 : 0;
}

std::string names() {
    std::string out = "all";
    std::string_view group;
    for (const auto& test : cases()) {
        if (test.group != std::exchange(group, test.group)) out += ", " + std::string(group);
        out += ", " + test.title();
    }
    return out;
}

int bench_main(int argc, char** argv) {
    Options options;
    CLI::App app("Measures ours against bare loops and their peers.", "bench");
    app.add_option("CASE", options.what, "one of: " + names())->required();
    app.add_option("--rounds", options.plan.rounds, "0 with --instructions: do not time")
        ->check(CLI::Range(0, 100));
    app.add_option("--slice", options.slice_seconds, "seconds a slice")->check(CLI::Range(0.05, 10.0));
    app.add_option("--json", options.json, "write everything to this file");
    app.add_flag("--instructions", options.instructions, "also count user instructions, by valgrind");
    app.add_option("--requests", options.requests, "N of --instructions")
        ->check(CLI::Range(1'000, 10'000'000));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    const auto all = cases();
    if (std::none_of(all.begin(), all.end(), [&](const Case& c) { return is_asked_for(c, options.what); })) {
        std::fprintf(stderr, "error: there is no case %s; there are: %s\n", options.what.c_str(),
                     names().c_str());
        return 2;
    }
    options.plan.slice = std::chrono::milliseconds(static_cast<int>(options.slice_seconds * 1000));
    options.plan.folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string() + "/";
    return run(options);
}

}  // namespace
}  // namespace penstock::bench

int main(int argc, char** argv) { return penstock::bench::bench_main(argc, argv); }
