// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/load.hpp>
#include <penstock/config/print.hpp>
#include <penstock/events/backends.hpp>
#include <penstock/node/detail/settings.hpp>

#include <algorithm>

namespace penstock::node {
namespace {

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

/// Segments of unreserved characters, each behind a "/": it is the same in every form of a URL.
bool is_plain_path(std::string_view path) {
    if (!path.starts_with('/') || path.ends_with('/') || path.find("//") != path.npos) return false;
    for (std::size_t at = 0; at < path.size(); ++at) {
        const char c = path[at];
        const bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && c != '-' && c != '_' && c != '.' && c != '/') return false;
        if (c == '/' && path.substr(at + 1, 1) == ".") return false;
    }
    return true;
}

}  // namespace

std::vector<core::SettingsSection> AllSettings::sections() {
    return {{node_settings, node},
            {admin_settings, admin},
            {log_settings, log},
            {http_settings, http},
            {stream_settings, stream},
            {events_settings, events},
            {proc::processor_settings, processor}};
}

std::string AllSettings::origin(std::string_view setting, const std::string& value) const {
    const auto quoted = " = \"" + value + '"';
    if (const auto option = given_.find(std::string(setting)); option != given_.end())
        return option->second + " \"" + value + '"';
    const auto place = places_.find(setting);
    if (place == places_.end()) return std::string(setting) + quoted;
    return file_ + ':' + std::to_string(place->second.line) + ':' + std::to_string(place->second.column) +
           ": " + std::string(setting) + quoted;
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
    if (options.config) {
        auto loaded = config::load_file(*options.config, all);
        if (!loaded) return std::unexpected(lines(loaded.error()));
        file_ = *options.config;
        places_ = std::move(*loaded);
    }
    if (options.listen) {
        node.listen = *options.listen;
        given_["node.listen"] = "--listen";
    }
    if (options.workers) node.workers = *options.workers;
    if (options.state) node.state = *options.state;
    if (options.log_level) log.level = *options.log_level;
    if (!options.clients.empty()) {
        stream.clients = options.clients;
        given_["stream.clients"] = "Options::clients";
    }
    return check();
}

/// What a table cannot say of its texts.
Done<void> AllSettings::check() {
    const auto main = parse(node.listen, origin("node.listen", node.listen));
    if (!main) return std::unexpected(main.error());
    listen = *main;
    if (admin.listen.empty()) {
        admin_beside_routes = listen.is_loopback();
    } else if (admin.listen != "none") {
        const auto own = parse(admin.listen, origin("admin.listen", admin.listen));
        if (!own) return std::unexpected(own.error() + ", or \"none\"");
        if (*own == listen && listen.port() != 0)
            admin_beside_routes = true;
        else
            admin_listen = *own;
    }
    const auto level = core::parse_log_level(log.level);
    if (!level)
        return std::unexpected(origin("log.level", log.level) +
                               " is no level: write debug, info, warn, error or off");
    log_level = *level;
    if (!events::is_backend_name(events.backend))
        return std::unexpected(origin("events.backend", events.backend) + " is no backend: write " +
                               std::string(events::backend_names));
    return check_stream();
}

Done<void> AllSettings::check_stream() {
    if (stream.clients.empty()) clients.any = listen.is_loopback();
    for (const auto& text : stream.clients) {
        const auto from = origin("stream.clients", text);
        if (text == "any" || text == "none") {
            if (stream.clients.size() > 1)
                return std::unexpected(from + " stands alone: nothing else belongs into that list");
            clients.any = text == "any";
            continue;
        }
        const auto id = NodeId::parse(text);
        if (!id) return std::unexpected(from + " is no node id (52 letters and digits), nor any or none");
        clients.listed.push_back(*id);
    }
    struct Path {
        const char* setting;
        const std::string& value;
    };
    const Path paths[]{{"stream.enc_init_path", stream.enc_init_path},
                       {"stream.enc_path", stream.enc_path},
                       {"stream.stream_ctl_path", stream.stream_ctl_path},
                       {"stream.stream_path", stream.stream_path}};
    for (const auto& path : paths) {
        const auto from = origin(path.setting, path.value);
        if (!is_plain_path(path.value))
            return std::unexpected(from + " is no path: write /name, of letters, digits, - _ . and /");
        for (const auto& other : paths)
            if (&other != &path && other.value == path.value)
                return std::unexpected(from + " is also " + other.setting + ": they must differ");
    }
    return {};
}

std::string default_settings_text(const std::vector<core::SettingsSection>& more) {
    AllSettings settings;
    auto all = settings.sections();
    all.insert(all.end(), more.begin(), more.end());
    return "# SPDX-License-Identifier: Apache-2.0\n"
           "# The settings of a Penstock node, all at their defaults: penstock node --config FILE\n"
           "# A line takes effect without its leading \"# \". The command line wins over this file.\n\n" +
           config::print_defaults(all);
}

}  // namespace penstock::node
