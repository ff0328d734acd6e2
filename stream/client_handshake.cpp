// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/hello.hpp>

#include <algorithm>

namespace penstock::stream {
namespace {

using crypto::Code;

/// Gives out one ephemeral key, as often as it is asked.
class Repeated final : public core::Random {
public:
    explicit Repeated(const crypto::Secret<32>& bytes) : bytes_(bytes) {}
    void fill(std::span<std::byte> out) override {
        PENSTOCK_ASSERT(out.size() == bytes_.size_bytes);
        std::ranges::copy(Bytes(bytes_), out.begin());
    }

private:
    const crypto::Secret<32>& bytes_;
};

std::span<std::byte> writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

/// Whether the version in use is the highest that both sides have.
bool is_no_rollback(Bytes versions) {
    bool is_there = false;
    for (crypto::Reader reader(versions); !reader.rest().empty();)
        is_there = reader.u16() == protocol_version || is_there;
    return is_there;
}

}  // namespace

ClientHandshake::ClientHandshake(crypto::Algorithms& algorithms, core::Random& random,
                                 const ClientSetup& setup)
    : algorithms_(algorithms), random_(random), setup_(setup) {
    PENSTOCK_ASSERT(setup.certificate == nullptr || setup.static_key != nullptr);
    if (setup_.static_key == nullptr) own_static_ = crypto::X25519Pair::make(random);
}

crypto::HandshakeState ClientHandshake::start(const crypto::Secret<32>& kem_secret) const {
    std::string head;
    append_client_hello_head(head, setup_.suite);
    const std::array psks{setup_.network_key != nullptr ? *setup_.network_key : crypto::Secret<32>(),
                          kem_secret};
    const auto* own = setup_.static_key != nullptr ? setup_.static_key : &own_static_;
    return {algorithms_, crypto::xx_psk0_psk3, setup_.suite, crypto::HandshakeState::Role::initiator,
            crypto::HandshakeSetup{head, psks, own, {}}};
}

std::string ClientHandshake::write_message_1(crypto::HandshakeState& state) const {
    Payload1 payload;
    if (setup_.kem != nullptr) payload.kem = KemShare{setup_.kem->kem(), setup_.kem->public_key()};
    std::string plain;
    append_payload_1(plain, payload);
    std::string out(plain.size() + state.overhead_bytes(), '\0');
    Repeated random(ephemeral_);
    const auto size = state.write(algorithms_, random, plain, writable(out));
    PENSTOCK_ASSERT(size && *size == out.size());
    return out;
}

std::string ClientHandshake::hello() {
    PENSTOCK_ASSERT(!state_);
    random_.fill(ephemeral_.writable());
    state_.emplace(start({}));
    std::string out;
    append_client_hello_head(out, setup_.suite);
    out += write_message_1(*state_);
    if (setup_.kem == nullptr) ephemeral_.clear();
    return out;
}

Result<std::string> ClientHandshake::read_message_2(Bytes message) {
    std::string out(message.size(), '\0');
    const auto size = state_->read(algorithms_, message, writable(out));
    if (!size) return fail(size);
    out.resize(*size);
    return out;
}

/// The secret is known only now that payload 2 is open, and the Noise state takes its psks when it starts:
/// so it starts again, with the same ephemeral key, and comes to the same place.
Result<void> ClientHandshake::use_kem(const Payload2& payload, Bytes message_2) {
    if (setup_.kem == nullptr || payload.kem->kem != setup_.kem->kem())
        return fail(crypto::error(Code::protocol, "the server answers a KEM that was not offered"));
    const auto secret = setup_.kem->open(payload.kem->bytes);
    if (!secret) return fail(crypto::error(Code::handshake, "the KEM's ciphertext does not open"));
    state_.emplace(start(*secret));
    write_message_1(*state_);
    const auto again = read_message_2(message_2);
    if (!again) return fail(again);
    return {};
}

Result<ServerOffer> ClientHandshake::read(Bytes server_hello, core::WallTime now,
                                          std::span<const crypto::Certificate> issuers) {
    PENSTOCK_ASSERT(state_ && !state_->is_my_turn() && !state_->is_done());
    const auto hello = parse_server_hello(server_hello);
    if (!hello) return fail(hello);
    const auto plain = read_message_2(hello->message_2);
    if (!plain) return fail(plain);
    const auto payload = parse_payload_2(*plain);
    if (!payload) return fail(payload);
    if (payload->kem) {
        const auto used = use_kem(*payload, hello->message_2);
        if (!used) return fail(used);
    }
    ephemeral_.clear();
    if (!is_no_rollback(payload->versions)) return fail(crypto::error(Code::version));
    if (payload->certificate.empty())
        return fail(crypto::error(Code::cert_untrusted, "the server shows no certificate"));
    auto certificate = crypto::Certificate::parse(payload->certificate);
    if (!certificate) return fail(certificate);
    const auto trusted =
        crypto::verify(*certificate, {crypto::Usage::server, now, state_->remote_static().value()}, issuers);
    if (!trusted) return fail(trusted);
    is_offered_ = true;
    return ServerOffer{payload->terms, std::move(*certificate)};
}

Result<Bytes> ClientHandshake::message_3() {
    PENSTOCK_ASSERT(is_offered_);
    if (!key_) {
        std::string plain;
        append_payload_3(plain, {setup_.certificate != nullptr ? setup_.certificate->encoded() : Bytes()});
        message_3_.resize(plain.size() + state_->overhead_bytes());
        const auto size = state_->write(algorithms_, random_, plain, writable(message_3_));
        if (!size) return fail(size);
        key_ = make_request_key(algorithms_, setup_.suite, *state_);
        state_.reset();
    }
    return Bytes(message_3_);
}

const RequestKey& ClientHandshake::key() const {
    PENSTOCK_ASSERT(key_);
    return *key_;
}

}  // namespace penstock::stream
