// SPDX-License-Identifier: Apache-2.0
#include <bench/case.hpp>

namespace penstock::bench {
namespace {

std::string pattern(std::size_t bytes) {
    std::string out(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>('a' + i % 26);
    return out;
}

Traffic echo_traffic(int connections) {
    return {.protocol = Protocol::echo,
            .request = pattern(1024),
            .body = pattern(1024),
            .connections = connections};
}

/// Whoever answers a greeting and whoever answers with what it was sent give the same reply.
Traffic hello_traffic(int connections) {
    return {.protocol = Protocol::http,
            .request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 13\r\n\r\nHello, World!",
            .body = "Hello, World!",
            .connections = connections};
}

const std::vector<Aim> ahead_of_all = {{"libuv", 1.0}, {"asio", 1.0}, {"libevent", 1.0}};

std::vector<Aim> with(Aim first, std::vector<Aim> more) {
    more.insert(more.begin(), first);
    return more;
}

Case http() {
    return {.group = "http",
            .name = "keep-alive",
            .unit = "request",
            .measure = CpuPerReply({.protocol = Protocol::http,
                                    .request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                    .body = "Hello, World!",
                                    .connections = 64}),
            .contestants = {{"floor", "bench_bare_http", Role::floor, true},
                            {"ours", "bench_http_server", Role::ours, true},
                            {"libuv", "bench_uv_http", Role::peer, true},
                            {"nginx", "bench_nginx"}},
            .aims = {{"floor", 1.25}, {"libuv", 1.10}, {"nginx", 1.0}}};
}

Case echo() {
    return {.group = "events",
            .name = "echo",
            .unit = "message",
            .measure = CpuPerReply(echo_traffic(100)),
            .contestants = {{"floor", "bench_bare_echo", Role::floor, true},
                            {"ours", "bench_echo_server", Role::ours, true},
                            {"libuv", "bench_uv_echo", Role::peer, true},
                            {"asio", "bench_asio_echo", Role::peer, true},
                            {"libevent", "bench_libevent_echo", Role::peer, true}},
            .aims = with({"floor", 1.05}, ahead_of_all)};
}

Case post(std::string_view name, std::string producers) {
    return {
        .group = "events",
        .name = name,
        .unit = "post",
        .measure = OwnTime{.arguments = {std::move(producers)}, .figures = {"post"}, .crosses_cores = true},
        .contestants = {{"floor", "bench_bare_post", Role::floor},
                        {"ours", "bench_post", Role::ours},
                        {"libuv", "bench_uv_post"},
                        {"asio", "bench_asio_post"},
                        {"libevent", "bench_libevent_post"}},
        .aims = with({"floor", 1 / 0.9, "at least 0.9 of the floor's rate"}, ahead_of_all)};
}

Case wake() {
    return {.group = "events",
            .name = "wake",
            .unit = "wake-up",
            .measure = OwnTime{.arguments = {}, .figures = {"wake"}, .crosses_cores = true},
            .contestants = {{"floor", "bench_bare_wake", Role::floor},
                            {"ours", "bench_wake", Role::ours},
                            {"libuv", "bench_uv_wake"},
                            {"asio", "bench_asio_wake"},
                            {"libevent", "bench_libevent_wake"}},
            .aims = {{"floor", 1.05, "no slower than the bare eventfd"}}};
}

/// `step` is what the programs of timers call it.
Case timers(std::string_view name, std::string step, std::vector<std::string> figures, double ratio_max) {
    return {.group = "events",
            .name = name,
            .unit = "timer",
            .measure = OwnTime{.arguments = {std::move(step)}, .figures = std::move(figures)},
            .contestants = {{"floor", "bench_bare_timers", Role::floor},
                            {"ours", "bench_deadlines", Role::ours},
                            {"Timer", "bench_timers"},  // ours with a callback
                            {"libuv", "bench_uv_timers"},
                            {"asio", "bench_asio_timers"},
                            {"libevent", "bench_libevent_timers"}},
            .aims = {{"floor", ratio_max}}};
}

constexpr int held_connections = 10'000;
constexpr double connection_bytes_max = 250;

/// The command, beside servers that speak HTTP as it does.
Case memory() {
    return {.group = "events",
            .name = "memory",
            .unit = "connection",
            .measure = MemoryPerConnection(hello_traffic(held_connections)),
            .contestants = {{"ours", "bench_penstock_echo", Role::ours},
                            {"libuv", "bench_uv_http"},
                            {"nginx", "bench_nginx"}},
            .aims = {{{}, connection_bytes_max}}};
}

/// The socket alone, beside loops that have no HTTP.
Case memory_tcp() {
    return {.group = "events",
            .name = "memory-tcp",
            .unit = "connection",
            .measure = MemoryPerConnection(echo_traffic(held_connections)),
            .contestants = {{"ours", "bench_echo_server", Role::ours},
                            {"libuv", "bench_uv_echo"},
                            {"asio", "bench_asio_echo"},
                            {"libevent", "bench_libevent_echo"}},
            .aims = {{{}, connection_bytes_max}}};
}

}  // namespace

std::span<const Case> cases() {
    static const std::vector<Case> all = {
        http(),
        echo(),
        post("post-1", "1"),
        post("post-2", "2"),
        wake(),
        timers("timers-arm-cancel", "arm-cancel", {"arm", "cancel"}, 2.0),
        timers("timers-re-arm", "re-arm", {"re-arm"}, 2.0),
        timers("timers-fire", "fire", {"fire"}, 1.4),
        memory(),
        memory_tcp(),
    };
    return all;
}

}  // namespace penstock::bench
