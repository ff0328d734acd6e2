// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/http/connection.hpp>
#include <penstock/http/router.hpp>
#include <penstock/http/settings.hpp>
#include <penstock/net/tcp_server.hpp>

#include <memory>

namespace penstock::http {

/// HTTP on one listening socket of one worker. Owner: you (`worker.make_local`). Thread: its worker's.
class Server : core::Affine {
public:
    Server(Worker& worker, const Address& address, std::shared_ptr<Router> router,
           ServerSettings settings = {});

    /// Errors: a bad pattern in the router (printed in the log with the pattern), the address.
    Result<void> start();
    const Address& address() const { return tcp_.address(); }
    std::uint64_t requests() const { return context_->requests; }
    void close() { tcp_.close(); }

private:
    Worker& worker_;
    std::shared_ptr<ServerContext> context_;
    net::TcpServer tcp_;
};

}  // namespace penstock::http
