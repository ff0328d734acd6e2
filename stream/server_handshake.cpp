// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/server_handshake.hpp>

#include <array>

namespace penstock::stream {
namespace {

using crypto::Code;
using Fault = crypto::HandshakeState::Fault;

std::span<std::byte> writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

}  // namespace

crypto::Hash message_3_hash(crypto::Algorithms& algorithms, Bytes message_3) {
    return crypto::sha256(algorithms, {message_3});
}

Result<void> verify(const ClientClaim& claim, core::WallTime now,
                    std::span<const crypto::Certificate> issuers) {
    return claim.certificate ? crypto::verify(*claim.certificate, claim.use(now), issuers) : Result<void>();
}

Result<ClientClaim> FreshKey::read(crypto::Algorithms& algorithms, Bytes message_3) const {
    if (message_3.size() > message_3_bytes_max)
        return fail(crypto::error(Code::handshake, "message 3 too long"));
    auto state = state_;
    std::array<std::byte, message_3_bytes_max> room;
    const auto size = state.read(algorithms, message_3, room);
    if (!size) return fail(size);
    const auto payload = parse_payload_3(Bytes(room).first(*size));
    if (!payload) return fail(payload);
    ClientClaim out{make_request_key(algorithms, suite_, state),
                    state.remote_static().value(),
                    {},
                    message_3_hash(algorithms, message_3)};
    if (!payload->certificate.empty()) {
        auto certificate = crypto::Certificate::parse(payload->certificate);
        if (!certificate) return fail(certificate);
        out.certificate = std::move(*certificate);
    }
    return out;
}

crypto::HandshakeState ServerHandshake::start(const crypto::Secret<32>& kem_secret) const {
    std::string head;
    append_client_hello_head(head, suite_);
    const std::array psks{network_key_, kem_secret};
    return {algorithms_, crypto::xx_psk0_psk3, suite_, crypto::HandshakeState::Role::responder,
            crypto::HandshakeSetup{head, psks, setup_.static_key, {}}};
}

Result<void> ServerHandshake::read(Bytes client_hello) {
    PENSTOCK_ASSERT(!state_ && setup_.network_keys.size() <= network_keys_max);
    const auto hello = parse_client_hello(client_hello);
    if (!hello) return fail(hello);
    suite_ = hello->suite;
    if (setup_.network_keys.empty()) return read_message_1(hello->message_1);
    Result<void> out;
    for (const auto& key : setup_.network_keys) {
        network_key_ = key;
        out = read_message_1(hello->message_1);
        if (out || !crypto::is(out.error(), Code::network_key)) break;
    }
    return out;
}

Result<void> ServerHandshake::read_message_1(Bytes message) {
    auto state = start({});
    std::array<std::byte, client_hello_bytes_max> room;
    const auto size = state.read(algorithms_, message, room);
    if (!size && state.fault() == Fault::payload_tag) return fail(crypto::error(Code::network_key));
    if (!size) return fail(size);
    const auto payload = parse_payload_1(Bytes(room).first(*size));
    if (!payload) return fail(payload);
    if (payload->kem && setup_.kem != nullptr && payload->kem->kem == setup_.kem->kem()) {
        message_1_ = message.text();
        kem_public_key_ = payload->kem->bytes.text();
    }
    state_.emplace(std::move(state));
    return {};
}

/// The Noise state takes its psks when it starts, and which secret psk 3 is follows from message 1: so it
/// starts again and reads message 1 once more, which is no DH.
Result<std::optional<Kem::Sealed>> ServerHandshake::use_kem(core::Random& random) {
    std::optional<Kem::Sealed> out;
    if (kem_public_key_.empty()) return out;
    out = setup_.kem->seal(random, kem_public_key_);
    if (!out) return fail(crypto::error(Code::protocol, "not a public key of the KEM"));
    state_.emplace(start(out->secret));
    std::array<std::byte, client_hello_bytes_max> room;
    const auto again = state_->read(algorithms_, message_1_, room);
    PENSTOCK_ASSERT(again);
    return out;
}

Result<ServerHandshake::Answer> ServerHandshake::answer(core::Random& random, const KeyTerms& terms) {
    PENSTOCK_ASSERT(state_ && state_->is_my_turn());
    const auto kem = use_kem(random);
    if (!kem) return fail(kem);
    Payload2 payload{{}, terms, setup_.certificate->encoded(), {}};
    if (*kem) payload.kem = KemShare{setup_.kem->kem(), (*kem)->ciphertext};
    std::string plain, out;
    append_payload_2(plain, payload);
    append_server_hello_head(out);
    out.resize(server_hello_head_bytes + plain.size() + state_->overhead_bytes());
    const auto size =
        state_->write(algorithms_, random, plain, writable(out).subspan(server_hello_head_bytes));
    if (!size) return fail(size);
    return Answer{std::move(out), FreshKey(suite_, std::move(*state_))};
}

}  // namespace penstock::stream
