// SPDX-License-Identifier: Apache-2.0
// penstock get: fetches one URL, its body to standard output.
#include <penstock/core/logger.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/http/client.hpp>
#include <penstock/http/status.hpp>
#include <penstock/http/url.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "get_encrypted.hpp"
#include "uplink.hpp"

namespace penstock::tool {
namespace {

int failed(const std::string& what, Error error) {
    std::fprintf(stderr, "error: %s: %s\n", what.c_str(), error.message().c_str());
    return 1;
}

/// Of Domain::http are also the client's own limits: 503 and 504.
bool is_about_response(Error error) {
    return error.domain() == core::Domain::http && error.code() != 503 && error.code() != 504;
}

Task<int> get(Worker& worker, std::string url, std::chrono::milliseconds time_max) {
    auto& client = worker.local<http::Client>();
    auto response = co_await client.send(http::Request::get(url), {.time_max = time_max});
    if (!response)
        co_return failed(is_about_response(response.error()) ? url + ": bad response" : url,
                         response.error());
    co_return print(*response);
}

struct GetOptions : UplinkOptions {
    std::string url;
    double seconds = 30;
    bool is_encrypted = false;
};

int run_get(const GetOptions& options) {
    const auto parsed = http::Url::parse(options.url);
    if (!parsed) {
        failed(options.url, parsed.error());
        return 2;
    }
    core::LogSettings quiet;
    quiet.level = core::LogLevel::warn;
    core::Logger logger(quiet);
    Reactor reactor({.workers = 1, .pin = false, .logger = &logger});
    constexpr std::chrono::milliseconds least{1};
    const auto time_max = std::max(least, std::chrono::duration_cast<std::chrono::milliseconds>(
                                              std::chrono::duration<double>(options.seconds)));
    if (!options.is_encrypted) return reactor.run_task(get, options.url, time_max);
    auto settings = client_settings(options, std::string(parsed->host) + ':' + std::to_string(parsed->port));
    if (!settings) {
        std::fprintf(stderr, "error: %s\n", settings.error().c_str());
        return 1;
    }
    settings->stage_time_max = time_max;
    return reactor.run_task(get_encrypted, std::move(*settings), parsed->target());
}

}  // namespace

int print(const http::Response& response) {
    const auto reason = http::reason(response.status());
    std::fprintf(stderr, "%d%s%.*s\n", response.status(), reason.empty() ? "" : " ",
                 static_cast<int>(reason.size()), reason.data());
    const auto body = response.body();
    if (std::fwrite(body.data(), 1, body.size(), stdout) != body.size() || std::fflush(stdout) != 0)
        return failed("standard output", Error::os(errno));
    return response.status() / 100 == 2 ? 0 : 1;
}

void add_get(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("get", "Fetch a URL: its body to stdout, its status to stderr");
    command->footer(
        "Answers 0 for a 2xx status, else 1.\n"
        "Example: penstock get --enc http://127.0.0.1:8079/hello/World");
    auto options = std::make_shared<GetOptions>();
    command->add_option("URL", options->url, "http://HOST[:PORT][/PATH]; HOST is an address or localhost")
        ->required();
    auto* encrypted = command->add_flag("--enc", options->is_encrypted, "As an encrypted request to a node");
    command
        ->add_option("--timeout", options->seconds, "Seconds for the whole of it, with --enc for each step")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 86'400.0));
    add_uplink_options(*command, *options);
    for (const auto* name : {"--node-id", "--network-key", "--state", "--strict"})
        command->get_option(name)->needs(encrypted);
    command->callback([&run, options] { run = [options] { return run_get(*options); }; });
}

}  // namespace penstock::tool
