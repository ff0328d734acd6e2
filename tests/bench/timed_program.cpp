// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include <bench/figures.hpp>
#include <bench/output.hpp>
#include <bench/timed_program.hpp>

namespace penstock::bench {

Result<Slice> TimedProgram::take() {
    std::vector<std::string> command{program_};
    command.insert(command.end(), own_.arguments.begin(), own_.arguments.end());
    command.push_back(std::to_string(plan_.slice.count()));
    const auto printed = output_of(command, plan_.slice + overtime_max);
    if (!printed) return fail(printed);
    auto figures = read_figures(*printed, own_.figures);
    if (!figures) return fail(figures);
    return Slice{.value = std::accumulate(figures->begin(), figures->end(), 0.0),
                 .figures = std::move(*figures)};
}

}  // namespace penstock::bench
