// SPDX-License-Identifier: Apache-2.0
// The floor of HTTP: counts the ends of heads, and sends as many ready-made replies at once.
#include <string>

#include <bench/peers/bare_loop.hpp>

namespace {

constexpr std::string_view reply =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
constexpr std::string_view head_end = "\r\n\r\n";
constexpr std::size_t replies_max = 64;

std::size_t count_heads(std::string_view received) {
    std::size_t out = 0;
    for (std::size_t at = 0; (at = received.find(head_end, at)) != std::string_view::npos;
         at += head_end.size())
        ++out;
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    std::string replies;
    for (std::size_t i = 0; i < replies_max; ++i) replies += reply;
    penstock::bench::bare_loop(
        penstock::bench::port_argument(argc, argv), [&replies](int descriptor, std::string_view received) {
            if (!received.ends_with(head_end)) return false;
            const auto count = count_heads(received);
            if (count > replies_max) return false;
            const auto bytes = count * reply.size();
            return ::send(descriptor, replies.data(), bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes);
        });
}
