// SPDX-License-Identifier: Apache-2.0
#include "node_parts.hpp"

#include <penstock/node/settings.hpp>

#include <cerrno>

#include <sys/stat.h>

#include "echo_channel.hpp"

namespace penstock::tool {
namespace {

std::string received_folder(Worker& worker) {
    return worker.local<const node::NodeSettings>().state + "/received";
}

Result<void> make_folder(Worker& worker) {
    if (::mkdir(received_folder(worker).c_str(), 0700) != 0 && errno != EEXIST)
        return fail(Error::os(errno, "make the folder received"));
    return {};
}

void channels(stream::Channels& channels, Worker& worker) {
    add_echo_channel(channels);
    add_file_channel(channels, received_folder(worker), worker.local<const FileSettings>().bytes_max);
}

void routes(http::Router& router, Worker&) {
    router.get("/hello/{name}",
               [](http::Exchange& exchange) { exchange.text("Hello, ", exchange.param("name"), "!\n"); });
}

}  // namespace

void add_parts(Node& node) {
    node.settings(file_settings).each_worker(make_folder).routes(routes).channels(channels);
}

}  // namespace penstock::tool
