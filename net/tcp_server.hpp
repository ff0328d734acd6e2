// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/net/resting.hpp>

#include <memory>

namespace penstock::net {

/// Accepts TCP connections on one worker and gives each a pipeline, which `fill` fills from left to right;
/// again, when one whose handler said Pipeline::rest has been idle. Owner: you (`worker.make_local`); its
/// connections outlive it, and so does `fill`. Thread: its worker's.
class TcpServer : core::Affine {
public:
    TcpServer(Worker& worker, const Address& address, Fill fill)
        : worker_(worker), address_(address), fill_(std::make_shared<Fill>(std::move(fill))) {}
    ~TcpServer();

    Result<void> start();
    /// Where it listens; after start with the port that the system chose.
    const Address& address() const { return address_; }
    /// No new connections.
    void close();

private:
    Worker& worker_;
    Address address_;
    std::shared_ptr<Fill> fill_;
    events::Listener* listener_ = nullptr;
};

}  // namespace penstock::net
