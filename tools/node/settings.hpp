// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/settings.hpp>
#include <penstock/http/settings.hpp>
#include <penstock/stream/service_settings.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

// What the settings file of every Node may hold, beside the sections of its own program and [processor] (see
// proc/settings.hpp). The command line wins over the file, the file over these defaults.

namespace penstock::node {

struct NodeSettings {
    std::string listen = "127.0.0.1:8079";
    std::uint32_t workers = 0;
    std::string state{};
    std::string name = "penstock";
    core::Milliseconds drain_time_max{30'000};
};
inline constexpr auto node_settings = core::table<NodeSettings>(
    "node", {
                {"listen",
                 &NodeSettings::listen,
                 {1, 128},
                 core::at_start,
                 "address and port for HTTP; port 0: any that is free"},
                {"workers",
                 &NodeSettings::workers,
                 {0, 4096},
                 core::at_start,
                 "worker threads; 0: as many as the CPUs and the cgroup quota allow"},
                {"state",
                 &NodeSettings::state,
                 {0, 4096},
                 core::at_start,
                 "folder for keys and sessions; empty: $STATE_DIRECTORY, else ~/.local/state/penstock"},
                {"name", &NodeSettings::name, {1, 255}, core::at_start, "stands in the node's certificate"},
                {"drain_time_max",
                 &NodeSettings::drain_time_max,
                 {0ms, 1h},
                 core::at_start,
                 "after SIGTERM, for what has begun to end by itself; the rest is cut"},
            });

struct AdminSettings {
    std::string listen{};
};
inline constexpr auto admin_settings =
    core::table<AdminSettings>("admin", {
                                            {"listen",
                                             &AdminSettings::listen,
                                             {0, 128},
                                             core::at_start,
                                             "where /, /healthz, /metrics and /status are: an address and "
                                             "port, or \"none\"; empty: beside the routes if "
                                             "these are on a loopback address, else none"},
                                        });

struct LogFileSettings {
    std::string level = "info";
    std::string file{};
    core::ByteSize file_bytes_max = 64 * 1024 * 1024;
    std::uint32_t old_files_max = 5;
};
inline constexpr auto log_settings = core::table<LogFileSettings>(
    "log",
    {
        {"level",
         &LogFileSettings::level,
         {1, 16},
         core::at_start,
         "the least level that is written: debug, info, warn, error or off"},
        {"file", &LogFileSettings::file, {0, 4096}, core::at_start, "is appended to; empty: standard error"},
        {"file_bytes_max",
         &LogFileSettings::file_bytes_max,
         {0, std::uint64_t(1) << 40},
         core::at_start,
         "a longer file is renamed and a new one begun; 0B: never"},
        {"old_files_max",
         &LogFileSettings::old_files_max,
         {0, 1000},
         core::at_start,
         "renamed files that are kept"},
    });

/// See http::Limits and http::ServerSettings.
struct HttpSettings {
    core::Milliseconds head_time_max = http::ServerSettings().head_time_max;
    core::Milliseconds idle_time_max = http::ServerSettings().idle_time_max;
    core::ByteSize request_line_bytes_max = http::Limits().request_line_bytes_max;
    core::ByteSize fields_bytes_max = http::Limits().fields_bytes_max;
    std::uint32_t fields_max = http::Limits().fields_max;
    core::ByteSize trailers_bytes_max = http::Limits().trailers_bytes_max;
    std::uint32_t trailers_max = http::Limits().trailers_max;

    http::ServerSettings server() const;
};
inline constexpr auto http_settings =
    core::table<HttpSettings>("http", {
                                          {"head_time_max",
                                           &HttpSettings::head_time_max,
                                           {1ms, 1h},
                                           core::at_start,
                                           "from the first byte of a request's head to its last"},
                                          {"idle_time_max",
                                           &HttpSettings::idle_time_max,
                                           {1ms, 24h},
                                           core::at_start,
                                           "a connection on which nothing moves longer is closed"},
                                          {"request_line_bytes_max",
                                           &HttpSettings::request_line_bytes_max,
                                           {64, 1024 * 1024},
                                           core::at_start,
                                           "longest first line of a request; a longer one is 414"},
                                          {"fields_bytes_max",
                                           &HttpSettings::fields_bytes_max,
                                           {64, 16 * 1024 * 1024},
                                           core::at_start,
                                           "all header fields of a request together; more is 431"},
                                          {"fields_max",
                                           &HttpSettings::fields_max,
                                           {1, 65'536},
                                           core::at_start,
                                           "header fields of a request; more is 431"},
                                          {"trailers_bytes_max",
                                           &HttpSettings::trailers_bytes_max,
                                           {0, 1024 * 1024},
                                           core::at_start,
                                           "all trailer fields of a request together; more is 431"},
                                          {"trailers_max",
                                           &HttpSettings::trailers_max,
                                           {0, 4096},
                                           core::at_start,
                                           "trailer fields of a request; more is 431"},
                                      });

/// The encrypted side: see stream::ServiceSettings, whose limits count for each worker.
struct StreamSettings {
    std::vector<std::string> clients{};
    std::string network_key_file{}, network_key_file_old{};
    std::string enc_init_path = stream::ServiceSettings().enc_init_path;
    std::string enc_path = stream::ServiceSettings().enc_path;
    std::string stream_ctl_path = stream::ServiceSettings().stream_ctl_path;
    std::string stream_path = stream::ServiceSettings().stream_path;
    bool certificate_for_everything = stream::ServiceSettings().certificate_for_everything;
    core::Milliseconds key_idle_max = stream::ServiceSettings().key_idle_max;
    core::Milliseconds key_life_max = stream::ServiceSettings().key_life_max;
    core::Milliseconds key_fresh_max = stream::ServiceSettings().key_fresh_max;
    std::uint32_t keys_max = static_cast<std::uint32_t>(stream::ServiceSettings().keys_max);
    std::uint32_t keys_per_node_max = static_cast<std::uint32_t>(stream::ServiceSettings().keys_per_node_max);
    std::uint32_t anonymous_keys_per_address_max =
        static_cast<std::uint32_t>(stream::ServiceSettings().anonymous_keys_per_address_max);
    double handshakes_per_second = stream::ServiceSettings().handshakes_per_second;
    std::uint32_t handshake_burst = static_cast<std::uint32_t>(stream::ServiceSettings().handshake_burst);
    double handshake_time_share = stream::ServiceSettings().handshake_time_share;
    core::Milliseconds handshake_time_burst = stream::ServiceSettings().handshake_time_burst;
    std::uint32_t sessions_per_node_max =
        static_cast<std::uint32_t>(stream::ServiceSettings().sessions_per_node_max);

    stream::ServiceSettings service() const;
};
inline constexpr auto stream_settings = core::table<StreamSettings>(
    "stream",
    {
        {"clients", &StreamSettings::clients, core::at_start,
         "ids of the nodes that may open sessions; [\"any\"]: all that show a valid certificate, [\"none\"]: "
         "nobody; empty: any on a loopback address, else none"},
        {"network_key_file",
         &StreamSettings::network_key_file,
         {0, 4096},
         core::at_start,
         "key that all nodes of a network share (penstock key new --network FILE); empty: there is none"},
        {"network_key_file_old",
         &StreamSettings::network_key_file_old,
         {0, 4096},
         core::at_start,
         "a second one that is taken while the network changes its key"},
        {"enc_init_path", &StreamSettings::enc_init_path, {2, 128}, core::at_start, "path of handshakes"},
        {"enc_path", &StreamSettings::enc_path, {2, 128}, core::at_start, "path of encrypted requests"},
        {"stream_ctl_path",
         &StreamSettings::stream_ctl_path,
         {2, 128},
         core::at_start,
         "path of session control, inside encrypted requests"},
        {"stream_path",
         &StreamSettings::stream_path,
         {2, 128},
         core::at_start,
         "path of connections to sessions; the id of the session follows it"},
        {"certificate_for_everything", &StreamSettings::certificate_for_everything, core::at_start,
         "anonymous clients are refused encrypted requests too"},
        {"key_idle_max",
         &StreamSettings::key_idle_max,
         {1s, 24h},
         core::at_start,
         "a request key that is not used so long is forgotten"},
        {"key_life_max",
         &StreamSettings::key_life_max,
         {1s, 24h},
         core::at_start,
         "a request key is forgotten after this time"},
        {"key_fresh_max",
         &StreamSettings::key_fresh_max,
         {100ms, 1h},
         core::at_start,
         "from a handshake to the first request under its key"},
        {"keys_max", &StreamSettings::keys_max, {1, 16'777'216}, core::at_start, "request keys of a worker"},
        {"keys_per_node_max",
         &StreamSettings::keys_per_node_max,
         {1, 65'536},
         core::at_start,
         "request keys of one client node; the oldest goes"},
        {"anonymous_keys_per_address_max",
         &StreamSettings::anonymous_keys_per_address_max,
         {1, 1'000'000},
         core::at_start,
         "request keys that nobody vouches for, of one address (IPv6: of one /64)"},
        {"handshakes_per_second",
         &StreamSettings::handshakes_per_second,
         {0.1, 1'000'000},
         core::at_start,
         "of one address (IPv6: of one /64)"},
        {"handshake_burst",
         &StreamSettings::handshake_burst,
         {1, 1'000'000},
         core::at_start,
         "handshakes of one address that may come at once"},
        {"handshake_time_share",
         &StreamSettings::handshake_time_share,
         {0.001, 1},
         core::at_start,
         "of a worker's time that handshakes may take; what is above is answered OVERLOAD"},
        {"handshake_time_burst",
         &StreamSettings::handshake_time_burst,
         {1ms, 1min},
         core::at_start,
         "time that handshakes may have saved up"},
        {"sessions_per_node_max",
         &StreamSettings::sessions_per_node_max,
         {1, 65'536},
         core::at_start,
         "sessions of one client node on a worker"},
    });

struct EventsSettings {
    std::string backend = "auto";
    bool pin = true;
    bool balance = true;
    std::chrono::milliseconds stall_limit{100};
};
inline constexpr auto events_settings = core::table<EventsSettings>(
    "events", {
                  {"backend",
                   &EventsSettings::backend,
                   {1, 16},
                   core::at_start,
                   "what waits for I/O: auto, epoll, io_uring or poll"},
                  {"pin", &EventsSettings::pin, core::at_start, "each worker to its CPU"},
                  {"balance", &EventsSettings::balance, core::at_start,
                   "a worker that holds clearly more connections than another hands fresh ones over"},
                  {"stall_limit",
                   &EventsSettings::stall_limit,
                   {0ms, 1min},
                   core::at_start,
                   "a callback that holds its worker for longer is logged; 0ms: none is"},
              });

}  // namespace penstock::node
