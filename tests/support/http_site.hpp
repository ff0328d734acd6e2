// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend/simulated.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/http/server.hpp>

#include <functional>
#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace penstock::test {

/// A client that sends text and collects what comes, in the simulation.
struct HttpClient final : events::SocketHandler {
    explicit HttpClient(std::string text) : request(std::move(text)) {}
    void on_connected(TcpSocket& s) override {
        socket = &s;
        if (!request.empty()) std::ignore = s.write(Bytes(request));
    }
    void on_read(TcpSocket&, Slice piece) override { *got += piece.text(); }
    void on_end(TcpSocket& s) override {
        *ended = true;
        s.close();
    }
    void on_closed(TcpSocket&, Error e) override {
        socket = nullptr;
        *ended = true;
        *error = e;
    }
    std::string request;
    TcpSocket* socket = nullptr;
    std::shared_ptr<std::string> got = std::make_shared<std::string>();
    std::shared_ptr<bool> ended = std::make_shared<bool>(false);
    std::shared_ptr<Error> error = std::make_shared<Error>();
};

struct Talk {
    std::string got;
    bool ended;
    Error error;
};

/// A server on a simulated host.
struct Site {
    explicit Site(std::function<void(http::Router&, Worker&)> routes, std::uint64_t seed = 1,
                  events::Faults faults = {}, http::ServerSettings settings = {})
        : sim(seed, faults), worker(sim.add_host()), client_worker(sim.add_host()) {
        const core::Home::Entered entered(&worker);
        auto router = std::make_shared<http::Router>();
        routes(*router, worker);
        auto& server = worker.make_local<http::Server>(worker, Address("10.0.0.1:80"), router, settings);
        REQUIRE(server.start());
    }
    Talk talk(const std::string& request, std::chrono::nanoseconds time = 5s) {
        auto client = std::make_unique<HttpClient>(request);
        auto got = client->got;
        auto ended = client->ended;
        auto error = client->error;
        client_worker.connect("10.0.0.1:80", std::move(client));
        sim.run_for(time);
        return {*got, *ended, *error};
    }
    events::Simulation sim;
    Worker& worker;
    Worker& client_worker;
};

inline std::string body_of(const std::string& response) {
    const auto at = response.find("\r\n\r\n");
    return at == std::string::npos ? "" : response.substr(at + 4);
}
inline std::string status_of(const std::string& response) { return response.substr(9, 3); }
inline std::size_t count_of(const std::string& text, const std::string& part) {
    std::size_t out = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
    return out;
}

}  // namespace penstock::test
