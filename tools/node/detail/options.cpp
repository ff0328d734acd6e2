// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/address.hpp>
#include <penstock/core/version.hpp>
#include <penstock/node/detail/settings.hpp>

#include <CLI/CLI.hpp>

namespace penstock::node {
namespace {

std::string program_name(const char* path) {
    const std::string whole = path == nullptr ? "node" : path;
    return whole.substr(whole.rfind('/') + 1);
}

}  // namespace

std::expected<Options, int> parse_options(int argc, char** argv) {
    constexpr int usage = 2;
    const auto name = program_name(argc > 0 ? argv[0] : nullptr);
    Options out;
    CLI::App app("A node daemon: serves until SIGTERM or Ctrl-C, then drains", name);
    app.set_version_flag("--version", name + " (penstock " + core::version() + ")");
    app.add_option("--config", out.config, "Settings file (TOML)")->type_name("FILE");
    app.add_option("--listen", out.listen, "Where to serve HTTP; port 0: any that is free")
        ->type_name("ADDR:PORT")
        ->check([](const std::string& text) {
            const auto address = Address::parse(text);
            return address ? std::string() : text + " is " + address.error().message();
        });
    app.add_option("--workers", out.workers, "Worker threads; 0: one for each CPU")
        ->type_name("N")
        ->check(CLI::Range(0, 4096));
    app.add_option("--state", out.state, "Folder for what the node keeps")->type_name("DIR");
    app.footer("What is given here wins over the settings file.\nExample: " + name +
               " --config node.toml --workers 4");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return std::unexpected(app.exit(error) == 0 ? 0 : usage);
    }
    return out;
}

}  // namespace penstock::node
