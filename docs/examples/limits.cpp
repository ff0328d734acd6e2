// SPDX-License-Identifier: Apache-2.0
// Settings of one's own: the section [chat] of the file that --config names. GET /limits shows them.
#include <penstock/node/node.hpp>
using namespace penstock;

struct ChatSettings {  // the defaults, written once
    std::uint32_t history_lines = 100;
    core::ByteSize line_bytes_max = 4096;  // the type is the unit: "4KiB", "100ms"
    std::chrono::milliseconds pause = 100ms;
};
// clang-format off
constexpr auto chat_settings = core::table<ChatSettings>("chat", {
    {"history_lines", &ChatSettings::history_lines, {0, 10'000}, core::at_start, "lines sent to a newcomer"},
    {"line_bytes_max", &ChatSettings::line_bytes_max, {16, 65'536}, core::at_start, "longest line that is taken"},
    {"pause", &ChatSettings::pause, {0ms, 10s}, core::at_start, "least time between two lines of a member"},
});
// clang-format on

void routes(http::Router& router, Worker& worker) {
    router.get("/limits", [&worker](http::Exchange& exchange) {
        const auto& chat = worker.local<const ChatSettings>();
        exchange.json({{"history_lines", chat.history_lines}, {"pause_ms", chat.pause.count()}});
    });
}

int main(int argc, char** argv) { return Node(argc, argv).settings(chat_settings).routes(routes).run(); }
