// SPDX-License-Identifier: Apache-2.0
// penstock key: makes and shows the keys of nodes, clients and networks.
#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/core/crypto/hash.hpp>
#include <penstock/core/crypto/identity.hpp>
#include <penstock/core/crypto/network_key.hpp>
#include <penstock/node/state_folder.hpp>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "commands.hpp"
#include "file_transfer.hpp"

namespace penstock::tool {
namespace {

struct KeyOptions {
    std::string state, network;
    bool client = false;
};

int refuse(const std::string& what, const std::string& why) {
    std::fprintf(stderr, "error: %s: %s\n", what.c_str(), why.c_str());
    return 1;
}

int refuse_to_make(const std::string& path, const Error& error) {
    if (error == Error::os(EEXIST)) return refuse(path, "there is a key already, and it is not overwritten");
    return refuse(path, error.message());
}

/// For comparing: tells nothing of the key.
std::string fingerprint(const crypto::NetworkKey& key) {
    crypto::Algorithms algorithms;
    const auto hash = crypto::sha256(algorithms, {Bytes("penstock network key"), key.secret()});
    return hex(hash).substr(0, 16);
}

int make_network_key(const std::string& path) {
    core::KernelRandom random;
    const auto key = crypto::NetworkKey::make(random);
    if (const auto saved = key.save(path); !saved) return refuse_to_make(path, saved.error());
    std::printf("network key %s (fingerprint %s)\n", path.c_str(), fingerprint(key).c_str());
    return 0;
}

int make_key(const KeyOptions& options) {
    if (!options.network.empty()) return make_network_key(options.network);
    const auto folder = node::open_state_folder(options.state);
    if (!folder) return refuse("key new", folder.error());
    const auto path = *folder + (options.client ? "/client.key" : "/node.key");
    core::KernelRandom random;
    const auto identity = crypto::Identity::make(random);
    if (const auto saved = identity.save(path); !saved) return refuse_to_make(path, saved.error());
    std::printf("%s %s\n", identity.id().text().c_str(), path.c_str());
    return 0;
}

int show_key(const KeyOptions& options) {
    if (!options.network.empty()) {
        const auto key = crypto::NetworkKey::load(options.network);
        if (!key) return refuse(options.network, key.error().message());
        std::printf("network key %s (fingerprint %s)\n", options.network.c_str(), fingerprint(*key).c_str());
        return 0;
    }
    const auto folder = node::state_folder(options.state);
    if (!folder) return refuse("key show", folder.error());
    bool found = false;
    for (const auto* name : {"/node.key", "/client.key"}) {
        const auto path = *folder + name;
        if (::access(path.c_str(), F_OK) != 0) {
            if (errno == ENOENT) continue;
            return refuse(path, Error::os(errno).message());
        }
        const auto identity = crypto::Identity::load(path);
        if (!identity) return refuse(path, identity.error().message());
        std::printf("%s %s\n", identity->id().text().c_str(), path.c_str());
        found = true;
    }
    if (!found) return refuse(*folder, "there is no key in this folder: make one by penstock key new");
    return 0;
}

}  // namespace

void add_key(CLI::App& app, Run& run) {
    auto* command = app.add_subcommand("key", "Make or show keys and the ids that belong to them");
    command->require_subcommand(1);
    auto options = std::make_shared<KeyOptions>();
    const auto common = [&](CLI::App* each) {
        each->add_option("--state", options->state, "Folder of node.key and client.key")->type_name("DIR");
        each->add_option("--network", options->network, "A network's key instead")->type_name("FILE");
    };
    auto* make = command->add_subcommand("new", "Make a key; one that is there is never overwritten");
    make->footer("Example: penstock key new --network network.key");
    make->add_flag("--client", options->client, "client.key instead of node.key");
    make->callback([&run, options] { run = [options] { return make_key(*options); }; });
    common(make);
    auto* show = command->add_subcommand("show", "Show the ids of the keys that are there");
    show->footer("Example: penstock key show");
    show->callback([&run, options] { run = [options] { return show_key(*options); }; });
    common(show);
    command->footer("Example: penstock key show");
}

}  // namespace penstock::tool
