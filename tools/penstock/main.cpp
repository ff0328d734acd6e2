// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/version.hpp>

#include <string>

#include <CLI/CLI.hpp>

int main(int argc, char** argv) {
    CLI::App app("penstock: node daemons", "penstock");
    app.set_version_flag("--version", std::string("penstock ") + penstock::core::version());
    app.require_subcommand(0);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return 0;
}
