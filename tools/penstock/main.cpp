// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/version.hpp>

#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "commands.hpp"

int main(int argc, char** argv) {
    constexpr int usage = 2;
    CLI::App app("Node daemons that talk to each other and to browsers", "penstock");
    app.set_version_flag("--version", std::string("penstock ") + penstock::core::version());
    app.require_subcommand(1);
    penstock::tool::Run run;
    penstock::tool::add_demo(app, run);
    penstock::tool::add_node(app, run);
    penstock::tool::add_send(app, run);
    penstock::tool::add_get(app, run);
    penstock::tool::add_key(app, run);
    penstock::tool::add_echo(app, run);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError& error) {
        if (argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty())
            std::fprintf(stderr, "error: there is no command %s; penstock --help lists them\n", argv[1]);
        else
            app.exit(error);
        return usage;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage;
    }
    try {
        return run();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", error.what());
        return 1;
    }
}
