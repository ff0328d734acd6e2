// SPDX-License-Identifier: Apache-2.0
// penstock node: the daemon. Its command line is that of every Node.
#include <penstock/node/node.hpp>

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "node_parts.hpp"

namespace penstock::tool {
namespace {

int run_node(std::vector<std::string> args) {
    args.insert(args.begin(), "penstock node");
    std::vector<char*> argv;
    for (auto& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    Node node(static_cast<int>(args.size()), argv.data());
    add_parts(node);
    return node.run();
}

}  // namespace

void add_node(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("node", "Run the node daemon; see penstock node --help");
    command->set_help_flag();  // all that follows is the Node's
    command->prefix_command();
    command->callback([&run, command] { run = [args = command->remaining()] { return run_node(args); }; });
}

}  // namespace penstock::tool
