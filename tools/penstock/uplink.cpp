// SPDX-License-Identifier: Apache-2.0
#include "uplink.hpp"

#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/crypto/network_key.hpp>
#include <penstock/http/url.hpp>
#include <penstock/node/state_folder.hpp>

#include <cerrno>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

namespace penstock::tool {
namespace {

using crypto::Code;

/// What to do about it with this command, beyond what the error says itself. Null: nothing that we know.
const char* advice_for(Code code) {
    switch (code) {
        case Code::network_key: return "ours is given by --network-key FILE";
        case Code::cert_expired: return "is the clock right, on both sides?";
        case Code::auth_refused:
        case Code::auth_required:
            return "our id (penstock key show) belongs into [stream] clients of the node";
        case Code::rate_limited:
        case Code::overload:
        case Code::quota: return "try again later";
        case Code::session_lost: return "if the node ended it, its log says why";
        case Code::shutdown: return "the node shuts down: try again when it is back";
        default: return nullptr;
    }
}

const char* advice_for(const Error& error) {
    if (error.domain() == core::Domain::stream) return advice_for(static_cast<Code>(error.code()));
    if (error.domain() == core::Domain::http && (error.code() == 404 || error.code() == 502))
        return "is it a penstock node, and are the paths the usual ones?";
    if (error.domain() != core::Domain::os) return nullptr;
    switch (error.code()) {
        case ECONNREFUSED: return "nothing listens there: start one by penstock node, or mend the address";
        case ETIMEDOUT: return "is the address right, and does a firewall stand between?";
        case ECONNRESET: return "the connection was cut: the node's log says why, if it was the node";
        default: return nullptr;
    }
}

}  // namespace

std::string check_address(const std::string& text) {
    const auto whole = "http://" + text + "/";
    const auto url = http::Url::parse(whole);
    const bool is_plain = url && text.find('/') == std::string::npos && url->query.empty() &&
                          text.ends_with(':' + std::to_string(url->port));
    return is_plain ? std::string() : text + " is not ADDR:PORT, as in 127.0.0.1:8079";
}

void add_uplink_options(CLI::App& command, UplinkOptions& options) {
    command.add_option("--node-id", options.node_id, "Who must answer; else known_nodes says it")
        ->type_name("ID")
        ->check([](const std::string& text) {
            return NodeId::parse(text) ? std::string() : text + " is no node id (52 letters and digits)";
        });
    command.add_option("--network-key", options.network_key, "Key that the nodes of this network share")
        ->type_name("FILE");
    command.add_option("--state", options.state, "Folder of client.key and known_nodes")->type_name("DIR");
    command.add_flag("--strict", options.strict, "Refuse a node that was never met before");
}

std::expected<client::Settings, std::string> client_settings(const UplinkOptions& options,
                                                             const std::string& address) {
    client::Settings out;
    out.uplinks = {address};
    out.always_reconnect = false;
    out.tries_max = 1;
    out.trusts_first = !options.strict;
    if (!options.node_id.empty()) {
        const auto id = NodeId::parse(options.node_id);
        if (!id) return std::unexpected("--node-id " + options.node_id + ": " + id.error().message());
        out.uplink_id = *id;
    }
    if (!options.network_key.empty()) {
        const auto key = crypto::NetworkKey::load(options.network_key);
        if (!key)
            return std::unexpected("--network-key " + options.network_key + ": " + key.error().message());
        out.network_key = key->secret();
    }
    const auto folder = node::open_state_folder(options.state);
    if (!folder) return std::unexpected(folder.error());
    const auto path = *folder + "/client.key";
    auto identity = crypto::Identity::load_or_make(path);
    if (!identity) return std::unexpected(path + ": " + identity.error().message());
    out.identity = std::make_shared<const crypto::Identity>(std::move(*identity));
    out.known_nodes = *folder + "/known_nodes";
    return out;
}

StageReport::StageReport(client::Client& client, const client::Settings& settings, bool shows)
    : address_(settings.uplinks.front()),
      known_nodes_(settings.known_nodes),
      has_id_(settings.uplink_id.has_value()) {
    client.on_first_contact([this](client::Client&, const NodeId& id) {
        std::fprintf(stderr, "first contact with %s: it is node\n  %s\nwritten to %s\n", address_.c_str(),
                     id.text().c_str(), known_nodes_.c_str());
    });
    client.on_stage([this, shows](client::Client&, const client::StageEvent& event) {
        using enum client::Status;
        stage_ = event.stage;
        if (!shows || (event.status != done && event.status != complete)) return;
        std::printf("%-16s  %6lld ms\n", name(event.stage), static_cast<long long>(event.elapsed.count()));
        std::fflush(stdout);
    });
}

int StageReport::failed(const Error& error, const char* doing) const {
    const auto* advice = advice_for(error);
    if (crypto::is(error, Code::cert_untrusted) && !has_id_)
        advice = "give its id by --node-id: the node prints it when it starts";
    std::fprintf(stderr, "error: %s: %s: %s%s%s\n", address_.c_str(), doing != nullptr ? doing : name(stage_),
                 error.message().c_str(), advice != nullptr ? "; " : "", advice != nullptr ? advice : "");
    return 1;
}

}  // namespace penstock::tool
