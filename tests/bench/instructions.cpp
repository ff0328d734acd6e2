// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <bench/generator.hpp>
#include <bench/instructions.hpp>
#include <bench/server_process.hpp>
#include <unistd.h>

namespace penstock::bench {
namespace {

constexpr auto bad(const char* text) { return fail(Error::user(1, text)); }

Result<void> serve(const Traffic& traffic, const std::vector<std::string>& command, std::uint64_t requests) {
    auto server = ServerProcess::start(command);
    if (!server) return fail(server);
    auto load = Generator::connect(server->port(), traffic);
    if (!load) return fail(load);
    if (const auto replies = load->run_count(requests); !replies) return fail(replies);
    server->stop();
    return {};
}

Result<std::uint64_t> count(const Traffic& traffic, const std::string& program, std::uint64_t requests) {
    auto path = (std::filesystem::temp_directory_path() / "bench-callgrind-XXXXXX").string();
    const int file = ::mkstemp(path.data());
    if (file < 0) return fail(Error::os(errno, "mkstemp"));
    ::close(file);
    const auto served = serve(
        traffic,
        {"valgrind", "--tool=callgrind", "--quiet", std::string("--callgrind-out-file=") + path, program},
        requests);
    std::ifstream in(path);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    ::unlink(path.c_str());
    if (!served) return fail(served);
    return callgrind_total(text);
}

}  // namespace

Result<std::uint64_t> callgrind_total(std::string_view file) {
    constexpr std::string_view label = "\ntotals: ";
    const auto at = file.find(label);
    if (at == std::string_view::npos) return bad("callgrind wrote no totals");
    file.remove_prefix(at + label.size());
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(file.data(), file.data() + file.size(), out);
    if (error != std::errc() || (end != file.data() + file.size() && *end != '\n'))
        return bad("callgrind's total is no number");
    return out;
}

Result<Instructions> count_instructions(const Traffic& traffic, const std::string& program,
                                        std::uint64_t requests) {
    std::array<std::uint64_t, 3> totals{};
    for (std::uint64_t run = 0; run < totals.size(); ++run) {
        const auto total = count(traffic, program, run * requests);
        if (!total) return fail(total);
        totals[run] = *total;
    }
    if (totals[2] < totals[1]) return bad("twice the requests took fewer instructions");
    return Instructions{totals[0],
                        static_cast<double>(totals[2] - totals[1]) / static_cast<double>(requests)};
}

}  // namespace penstock::bench
