// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/load.hpp>
#include <penstock/config/print.hpp>
#include <penstock/node/detail/settings.hpp>

#include <algorithm>

namespace penstock::node {
namespace {

/// "--listen x" or "node.toml: node.listen = "x"": where a value came from.
std::string origin(const Options& options, const char* option, const char* setting,
                   const std::string& value) {
    if (option != nullptr) return std::string(option) + " \"" + value + '"';
    return options.config.value_or("settings") + ": " + setting + " = \"" + value + '"';
}

std::string lines(const config::Problems& problems) {
    auto out = config::message(problems);
    if (out.ends_with('\n')) out.pop_back();
    return out;
}

Done<Address> parse(const std::string& text, const std::string& from) {
    const auto address = Address::parse(text);
    if (!address) return std::unexpected(from + " is " + address.error().message());
    return *address;
}

}  // namespace

std::vector<core::SettingsSection> AllSettings::sections() {
    return {{node_settings, node}, {admin_settings, admin},   {log_settings, log},
            {http_settings, http}, {events_settings, events}, {proc::processor_settings, processor}};
}

Done<void> AllSettings::load(const Options& options, const std::vector<core::SettingsSection>& more) {
    auto all = sections();
    for (const auto& section : more) {
        const auto taken =
            std::ranges::any_of(all, [&](const auto& other) { return other.name() == section.name(); });
        if (taken)
            return std::unexpected("two settings tables are called [" + std::string(section.name()) +
                                   "]: rename the program's own");
        all.push_back(section);
    }
    if (options.config)
        if (const auto loaded = config::load_file(*options.config, all); !loaded)
            return std::unexpected(lines(loaded.error()));
    if (options.listen) node.listen = *options.listen;
    if (options.workers) node.workers = *options.workers;
    if (options.state) node.state = *options.state;
    return check(options);
}

/// What a table cannot say of its texts.
Done<void> AllSettings::check(const Options& options) {
    const auto main = parse(
        node.listen, origin(options, options.listen ? "--listen" : nullptr, "node.listen", node.listen));
    if (!main) return std::unexpected(main.error());
    listen = *main;
    if (admin.listen.empty()) {
        admin_beside_routes = listen.is_loopback();
    } else if (admin.listen != "none") {
        const auto own = parse(admin.listen, origin(options, nullptr, "admin.listen", admin.listen));
        if (!own) return std::unexpected(own.error() + ", or \"none\"");
        if (*own == listen && listen.port() != 0)
            admin_beside_routes = true;
        else
            admin_listen = *own;
    }
    const auto level = core::parse_log_level(log.level);
    if (!level)
        return std::unexpected(origin(options, nullptr, "log.level", log.level) +
                               " is no level: write debug, info, warn, error or off");
    log_level = *level;
    if (events.backend != "auto" && events.backend != "epoll")
        return std::unexpected(origin(options, nullptr, "events.backend", events.backend) +
                               " is no backend: write auto or epoll");
    return {};
}

std::string default_settings_text() {
    AllSettings settings;
    return "# SPDX-License-Identifier: Apache-2.0\n"
           "# The settings of a Penstock node, all at their defaults: penstock node --config FILE\n"
           "# A line takes effect without its leading \"# \". The command line wins over this file.\n\n" +
           config::print_defaults(settings.sections());
}

}  // namespace penstock::node
