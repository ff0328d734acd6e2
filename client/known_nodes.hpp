// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/node_id.hpp>
#include <penstock/core/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace penstock::client {

/// Which node was met at which address first: a text file with a line `host:port node-id` each, the address
/// as it was typed. Rewritten as a whole (a temporary file, then a rename), mode 0600. Small: read at each
/// look.
class KnownNodes {
public:
    explicit KnownNodes(std::string path) : path_(std::move(path)) {}

    /// Nothing: never met. Errors: the file cannot be read, or has a line that is none.
    Result<std::optional<NodeId>> find(std::string_view address) const;
    /// Requires that it is not there yet.
    Result<void> add(std::string_view address, const NodeId& id);

private:
    Result<std::string> read() const;
    std::string path_;
};

}  // namespace penstock::client
