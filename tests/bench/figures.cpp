// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include <bench/figures.hpp>

namespace penstock::bench {
namespace {

constexpr auto bad(const char* text) { return fail(Error::user(1, text)); }

Result<double> read_time(std::string_view word) {
    double out = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(out) || out <= 0)
        return bad("the program printed a time that is none");
    return out;
}

}  // namespace

Result<std::vector<double>> read_figures(std::string_view printed, std::span<const std::string> figures) {
    std::vector<double> out(figures.size(), 0);
    while (!printed.empty()) {
        const auto end = printed.find('\n');
        if (end == std::string_view::npos) return bad("the program's last line has no end");
        const auto line = printed.substr(0, end);
        printed.remove_prefix(end + 1);
        const auto space = line.find(' ');
        const auto figure = std::find(figures.begin(), figures.end(), line.substr(0, space));
        if (space == std::string_view::npos || figure == figures.end())
            return bad("the program printed something else than its figures");
        auto& time = out[static_cast<std::size_t>(figure - figures.begin())];
        if (time != 0) return bad("the program printed a figure twice");
        const auto read = read_time(line.substr(space + 1));
        if (!read) return fail(read);
        time = *read;
    }
    if (std::find(out.begin(), out.end(), 0.0) != out.end())
        return bad("the program did not print all its figures");
    return out;
}

}  // namespace penstock::bench
