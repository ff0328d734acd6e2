// SPDX-License-Identifier: Apache-2.0
#include <bench/case.hpp>

namespace penstock::bench {
namespace {

std::string pattern(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + i % 26);
    return out;
}

std::vector<Case> make() {
    const std::vector<Contestant> http = {
        {"floor", "bench_bare_http", Role::floor, true},
        {"ours", "bench_http_server", Role::ours, true},
        {"libuv", "bench_uv_http", Role::peer, true},
        {"nginx", "bench_nginx"},
    };
    const std::vector<Contestant> echo = {
        {"floor", "bench_bare_echo", Role::floor, true},
        {"ours", "bench_echo_server", Role::ours, true},
        {"libuv", "bench_uv_echo", Role::peer, true},
    };
    return {
        {.group = "http",
         .name = "keep-alive",
         .unit = "request",
         .protocol = Protocol::http,
         .request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
         .body = "Hello, World!",
         .connections = 64,
         .depth = 1,
         .contestants = http,
         .aims = {{"floor", 1.25}, {"libuv", 1.10}, {"nginx", 1.0}}},
        {.group = "events",
         .name = "echo",
         .unit = "message",
         .protocol = Protocol::echo,
         .request = pattern(1024),
         .body = pattern(1024),
         .connections = 100,
         .depth = 1,
         .contestants = echo,
         .aims = {{"floor", 1.05}}},
    };
}

}  // namespace

std::span<const Case> cases() {
    static const auto all = make();
    return all;
}

}  // namespace penstock::bench
