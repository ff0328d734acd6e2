// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/server_handshake.hpp>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/vectors.hpp>

namespace penstock::test {

inline std::span<std::byte> writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

/// no_error if there is a value.
template <class T>
crypto::Code code(const Result<T>& result) {
    if (result) return crypto::Code::no_error;
    CHECK(result.error().domain() == core::Domain::stream);
    return static_cast<crypto::Code>(result.error().code());
}

constexpr std::int64_t valid_from = 1'700'000'000, valid_to = 2'000'000'000;  // as in the vectors
inline core::WallTime at_second(std::int64_t seconds) {
    return core::WallTime(std::chrono::seconds(seconds));
}

/// A client, a server and their issuer, with the keys of a set of vectors.
struct Parties {
    explicit Parties(const VectorSet& from = vector_sets().front()) : set(from) {}

    const VectorSet& set;
    crypto::Algorithms algorithms;
    core::SeededRandom random{7};
    core::WallTime now = at_second(valid_from);
    crypto::SigningKey client_node{set.secret("client_node")}, server_node{set.secret("server_node")},
        issuer{set.secret("issuer")};
    crypto::X25519Pair client_static{set.secret("client_static")}, server_static{set.secret("server_static")};
    crypto::Certificate client_certificate =
        certificate("client-7", crypto::Usage::client, client_static.public_key(), client_node);
    crypto::Certificate server_certificate =
        certificate("node-1.example", crypto::Usage::server, server_static.public_key(), server_node);
    std::vector<crypto::Certificate> issuers{certificate("authority", crypto::Usage::issuer, {}, issuer)};
    std::vector<crypto::Secret<32>> network_keys{};
    stream::KeyTerms terms{};

    crypto::Certificate certificate(std::string_view name, crypto::Usage usage,
                                    const crypto::X25519Public& static_key,
                                    const crypto::SigningKey& node) const {
        const auto request =
            crypto::Certificate::request({std::string(name), at_second(valid_from), at_second(valid_to),
                                          usage, static_key, crypto::node_id(issuer.verify_key())},
                                         node);
        REQUIRE(request);
        auto out = crypto::Certificate::issue(*request, issuer);
        REQUIRE(out);
        return std::move(*out);
    }
    stream::ClientSetup client(crypto::Suite suite = crypto::Suite::aes_gcm) const {
        return {suite, network_keys.empty() ? nullptr : &network_keys.front(), &client_static,
                &client_certificate, nullptr};
    }
    stream::ServerSetup server() const {
        return {&server_static, &server_certificate, network_keys, nullptr};
    }
};

/// A handshake up to message 3, and what comes out on both sides.
struct Shaken {
    explicit Shaken(Parties& parties, crypto::Suite suite = crypto::Suite::aes_gcm)
        : client(parties.algorithms, parties.random, parties.client(suite)) {
        stream::ServerHandshake server(parties.algorithms, parties.server());
        hello = client.hello();
        REQUIRE(server.read(hello));
        auto answer = server.answer(parties.random, parties.terms);
        REQUIRE(answer);
        server_hello = answer->body;
        fresh.emplace(std::move(answer->fresh));
        REQUIRE(client.read(server_hello, parties.now, parties.issuers));
        const auto third = client.message_3();
        REQUIRE(third);
        message_3 = third->text();
    }
    stream::ClientHandshake client;
    std::optional<stream::FreshKey> fresh;
    std::string hello, server_hello, message_3;
};

/// A request key with fixed secrets.
inline stream::RequestKey request_key(const VectorSet& set) {
    return {set.suite(), set.secret("c_http"), set.secret("s_http"), set.secret("exporter")};
}

}  // namespace penstock::test
