// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/client.hpp>

#include <expected>
#include <string>

namespace CLI {
class App;
}

namespace penstock::tool {

/// "ADDR:PORT" for the command line: why it is none, or empty.
std::string check_address(const std::string& text);

/// What `get --enc` and `send` take alike: who must answer, and as whom we come.
struct UplinkOptions {
    std::string node_id, network_key, state;
    bool strict = false;
};
void add_uplink_options(CLI::App& command, UplinkOptions& options);

/// A client that tries once: its identity is client.key in the state folder, made when it is missing; who
/// answers is looked up in known_nodes there. An error is a line for people.
std::expected<client::Settings, std::string> client_settings(const UplinkOptions& options,
                                                             const std::string& address);

/// Tells what a client goes through, and remembers where it failed. Outlives the client.
class StageReport {
public:
    /// `shows`: a line for each stage that is through, with its milliseconds.
    StageReport(client::Client& client, const client::Settings& settings, bool shows);
    /// "error: 127.0.0.1:80: enc_init: ...; what to do". `doing`: instead of the stage. Answers 1.
    int failed(const Error& error, const char* doing = nullptr) const;

private:
    const std::string address_, known_nodes_;
    const bool has_id_;
    client::Stage stage_ = client::Stage::begin;
};

}  // namespace penstock::tool
