// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/noise.hpp>

#include <string>

namespace penstock::crypto {
namespace {

constexpr std::size_t key_bytes = 32;

std::string protocol_name(const Pattern& pattern, Suite suite) {
    return "Noise_" + std::string(pattern.name) +
           (suite == Suite::aes_gcm ? "_25519_AESGCM_SHA256" : "_25519_ChaChaPoly_SHA256");
}

const char* text(HandshakeState::Fault fault) {
    using enum HandshakeState::Fault;
    switch (fault) {
        case none: break;
        case length: return "handshake message of a wrong length";
        case static_tag: return "the static key in a handshake message does not open";
        case dh: return "a public key of small order in the handshake";
        case payload_tag: return "the payload of a handshake message does not open";
    }
    return "handshake";
}

}  // namespace

HandshakeState::HandshakeState(Algorithms& algorithms, const Pattern& pattern, Suite suite, Role role,
                               const HandshakeSetup& setup)
    : symmetric_(algorithms, protocol_name(pattern, suite), suite),
      messages_(pattern.messages),
      own_static_(setup.own_static),
      remote_static_(setup.remote_static),
      message_count_(static_cast<std::uint8_t>(pattern.message_count())),
      has_psks_(pattern.psk_count() > 0),
      role_(role) {
    PENSTOCK_ASSERT(setup.psks.size() == pattern.psk_count() && setup.psks.size() <= psks_max);
    std::ranges::copy(setup.psks, psks_.begin());
    symmetric_.mix_hash(algorithms, setup.prologue);
    const auto mix_known = [&](bool mine) {
        PENSTOCK_ASSERT(mine ? own_static_ != nullptr : remote_static_.has_value());
        symmetric_.mix_hash(algorithms, Bytes(mine ? own_static_->public_key() : *remote_static_));
    };
    if (pattern.initiator_is_known) mix_known(is_initiator());
    if (pattern.responder_is_known) mix_known(!is_initiator());
}

std::size_t HandshakeState::overhead_bytes() const {
    PENSTOCK_ASSERT(!is_done());
    std::size_t out = 0;
    bool has_key = symmetric_.has_key();
    for (const auto token : messages_[at_]) {
        if (token == Token::end) break;
        if (token == Token::e)
            out += key_bytes;
        else if (token == Token::s)
            out += key_bytes + (has_key ? tag_bytes : 0);
        has_key = has_key || has_psks_ || (token != Token::e && token != Token::s);
    }
    return out + (has_key ? tag_bytes : 0);
}

std::unexpected<core::Error> HandshakeState::refuse(Fault fault) {
    fault_ = fault;
    return fail(error(Code::handshake, text(fault)));
}

Result<std::size_t> HandshakeState::write(Algorithms& algorithms, core::Random& random, Bytes payload,
                                          std::span<std::byte> out) {
    PENSTOCK_ASSERT(is_my_turn() && fault_ == Fault::none);
    const auto size = payload.size() + overhead_bytes();
    if (payload.size() > message_bytes_max || size > message_bytes_max) return refuse(Fault::length);
    PENSTOCK_ASSERT(out.size() >= size);
    for (const auto token : messages_[at_]) {
        if (token == Token::end) break;
        const auto fault = write_token(algorithms, random, token, out);
        if (fault != Fault::none) return refuse(fault);
    }
    symmetric_.encrypt_and_hash(algorithms, payload, out);
    finish_message();
    return size;
}

Result<std::size_t> HandshakeState::read(Algorithms& algorithms, Bytes message, std::span<std::byte> out) {
    PENSTOCK_ASSERT(!is_done() && !is_my_turn() && fault_ == Fault::none);
    const auto overhead = overhead_bytes();
    if (message.size() < overhead || message.size() > message_bytes_max) return refuse(Fault::length);
    const auto size = message.size() - overhead;
    PENSTOCK_ASSERT(out.size() >= size);
    for (const auto token : messages_[at_]) {
        if (token == Token::end) break;
        const auto fault = read_token(algorithms, token, message);
        if (fault != Fault::none) return refuse(fault);
    }
    if (!symmetric_.decrypt_and_hash(algorithms, message, out)) return refuse(Fault::payload_tag);
    finish_message();
    return size;
}

HandshakeState::Fault HandshakeState::write_token(Algorithms& algorithms, core::Random& random, Token token,
                                                  std::span<std::byte>& out) {
    if (token == Token::e) {
        own_ephemeral_ = X25519Pair::make(random);
        std::ranges::copy(Bytes(own_ephemeral_.public_key()), out.begin());
        out = out.subspan(key_bytes);
        mix_ephemeral(algorithms, own_ephemeral_.public_key());
    } else if (token == Token::s) {
        PENSTOCK_ASSERT(own_static_ != nullptr);
        const Bytes key(own_static_->public_key());
        out = out.subspan(symmetric_.encrypt_and_hash(algorithms, key, out));
    } else {
        return mix_token(algorithms, token);
    }
    return Fault::none;
}

HandshakeState::Fault HandshakeState::read_token(Algorithms& algorithms, Token token, Bytes& message) {
    if (token == Token::e) {
        std::ranges::copy(message.first(key_bytes),
                          std::as_writable_bytes(std::span(remote_ephemeral_)).begin());
        message = message.from(key_bytes);
        mix_ephemeral(algorithms, remote_ephemeral_);
    } else if (token == Token::s) {
        const auto sealed = message.first(key_bytes + symmetric_.overhead_bytes());
        message = message.from(sealed.size());
        auto& key = remote_static_.emplace();
        if (!symmetric_.decrypt_and_hash(algorithms, sealed, std::as_writable_bytes(std::span(key))))
            return Fault::static_tag;
    } else {
        return mix_token(algorithms, token);
    }
    return Fault::none;
}

HandshakeState::Fault HandshakeState::mix_token(Algorithms& algorithms, Token token) {
    if (token == Token::psk) {
        symmetric_.mix_key_and_hash(algorithms, psks_[next_psk_++]);
        return Fault::none;
    }
    // The first letter is the initiator's key, the second the responder's.
    const bool initiator_static = token == Token::se || token == Token::ss;
    const bool responder_static = token == Token::es || token == Token::ss;
    const bool mine_static = is_initiator() ? initiator_static : responder_static;
    const bool its_static = is_initiator() ? responder_static : initiator_static;
    const auto& mine = mine_static ? *own_static_ : own_ephemeral_;
    const auto shared = mine.agree(its_static ? remote_static_.value() : remote_ephemeral_);
    if (!shared) return Fault::dh;
    symmetric_.mix_key(algorithms, *shared);
    return Fault::none;
}

void HandshakeState::mix_ephemeral(Algorithms& algorithms, const X25519Public& key) {
    symmetric_.mix_hash(algorithms, Bytes(key));
    if (has_psks_) symmetric_.mix_key(algorithms, Bytes(key));
}

void HandshakeState::finish_message() {
    if (++at_ < message_count_) return;
    own_ephemeral_ = {};
    own_static_ = nullptr;
    psks_ = {};
}

const Hash& HandshakeState::hash() const {
    PENSTOCK_ASSERT(is_done());
    return symmetric_.hash();
}

SplitKeys HandshakeState::split(Algorithms& algorithms) const {
    PENSTOCK_ASSERT(is_done());
    return symmetric_.split(algorithms);
}

}  // namespace penstock::crypto
