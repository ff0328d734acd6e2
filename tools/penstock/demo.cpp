// SPDX-License-Identifier: Apache-2.0
// penstock demo: a node and a client in one process.
#include <penstock/core/logger.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/node/node.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "get_encrypted.hpp"
#include "node_parts.hpp"
#include "send_file.hpp"
#include "uplink.hpp"

namespace penstock::tool {
namespace {

constexpr std::size_t file_bytes = 64 * 1024 * 1024;
constexpr std::chrono::seconds drain_time{5};

int refuse(const std::string& why) {
    std::fprintf(stderr, "error: %s\n", why.c_str());
    return 1;
}

/// A folder that goes with all that is in it.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::error_code failed;
        auto pattern = (std::filesystem::temp_directory_path(failed) / "penstock-demo-XXXXXX").string();
        if (failed)
            errno = failed.value();
        else if (::mkdtemp(pattern.data()) != nullptr)
            path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    /// Empty: it could not be made.
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

/// SIGINT and SIGTERM wait until somebody asks for them. Threads that are started meanwhile inherit that.
class HeldSignals {
public:
    HeldSignals() {
        ::sigemptyset(&numbers_);
        ::sigaddset(&numbers_, SIGINT);
        ::sigaddset(&numbers_, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &numbers_, &before_);
    }
    ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    HeldSignals(const HeldSignals&) = delete;
    HeldSignals& operator=(const HeldSignals&) = delete;
    void wait() const {
        int number = 0;
        ::sigwait(&numbers_, &number);
    }

private:
    sigset_t numbers_, before_;
};

/// An errno, or 0.
int write_random_file(const std::string& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wbe"), std::fclose);
    if (file == nullptr) return errno;
    core::SeededRandom random(core::KernelRandom().word());
    std::array<std::byte, 64 * 1024> block;
    for (std::size_t left = file_bytes; left > 0; left -= block.size()) {
        random.fill(block);
        if (std::fwrite(block.data(), 1, block.size(), file.get()) != block.size()) return errno;
    }
    return std::fflush(file.get()) == 0 ? 0 : errno;
}

/// On the port that everybody expects, or on one that is free.
std::string start(std::optional<Node>& node, const std::string& state) {
    for (const auto* listen : {"127.0.0.1:8079", "127.0.0.1:0"}) {
        node.emplace(node::Options{.listen = listen, .state = state, .log_level = "warn"});
        add_parts(*node);
        if (node->start()) return {};
    }
    return node->problem();
}

Task<int> use(Worker& worker, client::Settings settings, std::string path) {
    if (const int failed = co_await send_file(worker, settings, path, file_bytes); failed != 0)
        co_return failed;
    std::printf("\nan encrypted request: GET /hello/World\n");
    std::fflush(stdout);
    co_return co_await get_encrypted(worker, std::move(settings), "/hello/World");
}

int run_client(const Node& node, const std::string& folder) {
    UplinkOptions options;
    options.node_id = node.id().text();
    options.state = folder + "/client";
    auto settings = client_settings(options, node.address().text());
    if (!settings) return refuse(settings.error());
    const auto path = folder + "/random";
    if (const int failed = write_random_file(path); failed != 0)
        return refuse(path + ": " + Error::os(failed).message());
    std::printf("\na client sends it 64 MiB through channel F:\n");
    std::fflush(stdout);
    core::LogSettings quiet;
    quiet.level = core::LogLevel::warn;
    core::Logger logger(quiet);
    Reactor reactor({.workers = 1, .pin = false, .logger = &logger});
    return reactor.run_task(use, std::move(*settings), path);
}

void print_what_to_try(const std::string& address, const std::string& id) {
    std::printf(
        "\nThe node stays up. Try, in another terminal or a browser:\n"
        "  http://%s/\n"
        "  curl -i http://%s/hello/World\n"
        "  penstock get --enc http://%s/hello/World --node-id %s\n"
        "  penstock send FILE --to %s --node-id %s\n"
        "Ctrl-C stops it.\n",
        address.c_str(), address.c_str(), address.c_str(), id.c_str(), address.c_str(), id.c_str());
    std::fflush(stdout);
}

int run_demo(bool once) {
    const HeldSignals signals;
    const TemporaryFolder folder;
    if (folder.path().empty()) return refuse("no temporary folder: " + Error::os(errno).message());
    std::optional<Node> node;
    if (const auto problem = start(node, folder.path() + "/node"); !problem.empty()) return refuse(problem);
    const auto address = node->address().text();
    std::printf("a node listens on %s, and is\n  %s\n", address.c_str(), node->id().text().c_str());
    const int answer = run_client(*node, folder.path());
    if (answer == 0 && !once) {
        print_what_to_try(address, node->id().text());
        signals.wait();
    }
    node->stop(drain_time);
    return answer;
}

}  // namespace

void add_demo(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("demo", "See a node and a client at work, in one process");
    command->footer("Keeps nothing: its state is in a temporary folder.\nExample: penstock demo --once");
    auto once = std::make_shared<bool>(false);
    command->add_flag("--once", *once, "End when all went well, with 0");
    command->callback([&run, once] { run = [once] { return run_demo(*once); }; });
}

}  // namespace penstock::tool
