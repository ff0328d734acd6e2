// SPDX-License-Identifier: Apache-2.0
// penstock send: one file, through channel F of a node.
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "send_file.hpp"
#include "uplink.hpp"

namespace penstock::tool {
namespace {

struct SendOptions : UplinkOptions {
    std::string file, to;
};

int run_send(const SendOptions& options) {
    const auto refuse = [](const std::string& why) {
        std::fprintf(stderr, "error: %s\n", why.c_str());
        return 1;
    };
    const auto size = file_size(options.file);
    if (!size) return refuse(size.error());
    auto settings = client_settings(options, options.to);
    if (!settings) return refuse(settings.error());
    core::LogSettings quiet;
    quiet.level = core::LogLevel::warn;
    core::Logger logger(quiet);
    Reactor reactor({.workers = 1, .pin = false, .logger = &logger});
    const int answer = reactor.run_task(send_file, std::move(*settings), options.file, *size);
    constexpr int interrupted = 130;
    if (answer == interrupted) std::fprintf(stderr, "\ninterrupted: the node keeps only what is whole\n");
    return answer;
}

}  // namespace

void add_send(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("send", "Send a file to a node, which verifies its SHA-256");
    command->footer("It tries once.\nExample: penstock send notes.txt --to 127.0.0.1:8079");
    auto options = std::make_shared<SendOptions>();
    command->add_option("FILE", options->file, "A regular file")->required();
    command->add_option("--to", options->to, "Where the node listens")
        ->type_name("ADDR:PORT")
        ->required()
        ->check(check_address);
    add_uplink_options(*command, *options);
    command->callback([&run, options] { run = [options] { return run_send(*options); }; });
}

}  // namespace penstock::tool
