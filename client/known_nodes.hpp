// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/node_id.hpp>
#include <penstock/core/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace penstock::client {

/// Which node was met at which address first: a text file with a line `host:port node-id` each, the address
/// as it was typed; lines that begin with # and empty ones are skipped. Made with mode 0600; each line is
/// appended by one write, so processes that share it lose none. Small: read at each look.
class KnownNodes {
public:
    explicit KnownNodes(std::string path) : path_(std::move(path)) {}

    /// Nothing: never met. Errors: the file cannot be read, is no file, may be written by everybody, has a
    /// line that is none, or two nodes for this address.
    Result<std::optional<NodeId>> find(std::string_view address) const;
    /// Requires that it is not there yet. Errors: those, and if another process was first with another node.
    Result<void> add(std::string_view address, const NodeId& id);

private:
    Result<std::string> read() const;
    std::string path_;
};

}  // namespace penstock::client
