// SPDX-License-Identifier: Apache-2.0
#include "vector.hpp"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

namespace noise_vectors {
namespace {

using crypto::CipherState;
using crypto::HandshakeState;
using crypto::Pattern;
using crypto::Token;
using nlohmann::json;
using penstock::Bytes;
using penstock::fail;
using penstock::Result;

constexpr penstock::Error bad(const char* text) { return penstock::Error::user(1, text); }

int digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Result<std::string> decode(const json& text) {
    const auto* hex = text.get_ptr<const std::string*>();
    if (hex == nullptr || hex->size() % 2 != 0) return fail(bad("a field is no hexadecimal text"));
    std::string out;
    for (std::size_t i = 0; i < hex->size(); i += 2) {
        const int high = digit((*hex)[i]), low = digit((*hex)[i + 1]);
        if (high < 0 || low < 0) return fail(bad("a field is no hexadecimal text"));
        out += static_cast<char>(high << 4 | low);
    }
    return out;
}

/// None if there is no such field.
Result<std::optional<std::string>> field(const json& object, const std::string& name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null()) return std::nullopt;
    auto text = decode(*found);
    if (!text) return fail(text);
    return std::optional(std::move(*text));
}

Result<std::optional<crypto::Secret<32>>> key(const json& object, const std::string& name) {
    const auto text = field(object, name);
    if (!text) return fail(text);
    if (!*text) return std::nullopt;
    if ((*text)->size() != 32) return fail(bad("a key is not 32 bytes long"));
    crypto::Secret<32> out;
    std::memcpy(out.data(), (*text)->data(), 32);
    return std::optional(out);
}

Result<Side> side(const json& object, const std::string& prefix) {
    Side out;
    const auto prologue = field(object, prefix + "prologue");
    const auto fixed = key(object, prefix + "static");
    const auto ephemeral = key(object, prefix + "ephemeral");
    const auto remote = key(object, prefix + "remote_static");
    if (!prologue) return fail(prologue);
    for (const auto* each : {&fixed, &ephemeral, &remote})
        if (!*each) return fail(*each);
    out.prologue = prologue->value_or("");
    if (*fixed) out.fixed.emplace(**fixed);
    out.ephemeral = *ephemeral;
    if (*remote) std::copy_n((*remote)->data(), 32, out.remote_static.emplace().begin());
    const auto psks = object.find(prefix + "psks");
    if (psks == object.end()) return out;
    if (!psks->is_array()) return fail(bad("psks are not a list"));
    for (const auto& each : *psks) {
        const auto psk = key(json{{"psk", each}}, "psk");
        if (!psk) return fail(psk);
        if (!*psk) return fail(bad("a psk is missing"));
        out.psks.push_back(**psk);
    }
    return out;
}

/// Whether one side's messages have the token; the initiator's are the first and the third.
bool sends(const Pattern& pattern, bool initiator, Token token) {
    for (std::size_t i = initiator ? 0 : 1; i < pattern.messages.size(); i += 2)
        if (std::ranges::find(pattern.messages[i], token) != pattern.messages[i].end()) return true;
    return false;
}

Result<void> complete(Side& mine, const Side& its, const Pattern& pattern, bool initiator) {
    const bool is_known = initiator ? pattern.initiator_is_known : pattern.responder_is_known;
    const bool other_is_known = initiator ? pattern.responder_is_known : pattern.initiator_is_known;
    if (mine.psks.size() != pattern.psk_count())
        return fail(bad("another number of psks than the protocol has"));
    if (!mine.ephemeral && sends(pattern, initiator, Token::e))
        return fail(bad("an ephemeral key is missing"));
    if (!mine.fixed && (is_known || sends(pattern, initiator, Token::s)))
        return fail(bad("a static key is missing"));
    if (!other_is_known) mine.remote_static.reset();
    if (other_is_known && !mine.remote_static) {
        if (!its.fixed) return fail(bad("a static key is missing"));
        mine.remote_static = its.fixed->public_key();
    }
    return {};
}

/// Gives out one ephemeral key.
class Fixed final : public penstock::core::Random {
public:
    explicit Fixed(const crypto::Secret<32>& bytes) : bytes_(bytes) {}
    void fill(std::span<std::byte> out) override {
        std::ranges::copy(Bytes(bytes_).first(out.size()), out.begin());
    }

private:
    const crypto::Secret<32>& bytes_;
};

HandshakeState start(crypto::Algorithms& algorithms, const Protocol& protocol, const Side& side,
                     HandshakeState::Role role) {
    return HandshakeState(
        algorithms, protocol.pattern, protocol.suite, role,
        {side.prologue, side.psks, side.fixed ? &*side.fixed : nullptr, side.remote_static});
}

const char* handshake_message(crypto::Algorithms& algorithms, HandshakeState& from, const Side& from_side,
                              HandshakeState& to, const Vector::Message& message) {
    const crypto::Secret<32> none;
    Fixed random(from_side.ephemeral ? *from_side.ephemeral : none);
    std::string out(message.payload.size() + from.overhead_bytes(), '\0');
    const auto written =
        from.write(algorithms, random, message.payload, std::as_writable_bytes(std::span(out)));
    if (!written) return "a handshake message cannot be written";
    if (out != message.ciphertext) return "a handshake message";
    out.assign(message.ciphertext.size(), '\0');
    const auto read = to.read(algorithms, message.ciphertext, std::as_writable_bytes(std::span(out)));
    if (!read) return "a handshake message cannot be read";
    return out.substr(0, *read) == message.payload ? nullptr : "the payload of a handshake message";
}

const char* transport_message(crypto::Algorithms& algorithms, CipherState& sender, CipherState& receiver,
                              const Vector::Message& message) {
    std::string out(message.payload.size() + crypto::tag_bytes, '\0');
    sender.encrypt(algorithms, {}, message.payload, std::as_writable_bytes(std::span(out)));
    if (out != message.ciphertext) return "a transport message";
    if (!receiver.decrypt(algorithms, {}, message.ciphertext, std::as_writable_bytes(std::span(out))))
        return "a transport message cannot be read";
    return out.starts_with(message.payload) ? nullptr : "the payload of a transport message";
}

}  // namespace

std::optional<Protocol> Protocol::parse(std::string_view name) {
    constexpr std::string_view before = "Noise_";
    constexpr std::string_view aes_gcm = "_25519_AESGCM_SHA256", chacha_poly = "_25519_ChaChaPoly_SHA256";
    const bool is_aes_gcm = name.ends_with(aes_gcm);
    if (!name.starts_with(before) || !(is_aes_gcm || name.ends_with(chacha_poly))) return std::nullopt;
    name.remove_prefix(before.size());
    name.remove_suffix((is_aes_gcm ? aes_gcm : chacha_poly).size());
    const auto pattern = crypto::parse_pattern(name);
    if (!pattern) return std::nullopt;
    return Protocol{*pattern, is_aes_gcm ? crypto::Suite::aes_gcm : crypto::Suite::chacha_poly};
}

Result<Vector> Vector::parse(const json& object, const Protocol& protocol) {
    auto initiator = side(object, "init_");
    if (!initiator) return fail(initiator);
    auto responder = side(object, "resp_");
    if (!responder) return fail(responder);
    Vector out{std::move(*initiator), std::move(*responder), {}, {}};
    if (const auto whole = complete(out.initiator, out.responder, protocol.pattern, true); !whole)
        return fail(whole);
    if (const auto whole = complete(out.responder, out.initiator, protocol.pattern, false); !whole)
        return fail(whole);
    const auto hash = field(object, "handshake_hash");
    if (!hash) return fail(hash);
    out.handshake_hash = *hash;
    const auto messages = object.find("messages");
    if (messages == object.end() || !messages->is_array() ||
        messages->size() < protocol.pattern.message_count())
        return fail(bad("messages are missing"));
    for (const auto& each : *messages) {
        if (!each.is_object()) return fail(bad("a message is no object"));
        const auto payload = field(each, "payload");
        const auto ciphertext = field(each, "ciphertext");
        if (!payload || !ciphertext || !*ciphertext) return fail(bad("a message has no ciphertext"));
        out.messages.push_back({payload->value_or(""), **ciphertext});
    }
    return out;
}

const char* difference(crypto::Algorithms& algorithms, const Protocol& protocol, const Vector& vector) {
    auto initiator = start(algorithms, protocol, vector.initiator, HandshakeState::Role::initiator);
    auto responder = start(algorithms, protocol, vector.responder, HandshakeState::Role::responder);
    const auto count = protocol.pattern.message_count();
    for (std::size_t i = 0; i < count; ++i) {
        const bool forth = i % 2 == 0;
        const auto* different = handshake_message(algorithms, forth ? initiator : responder,
                                                  forth ? vector.initiator : vector.responder,
                                                  forth ? responder : initiator, vector.messages[i]);
        if (different != nullptr) return different;
    }
    for (const auto* state : {&initiator, &responder})
        if (vector.handshake_hash && Bytes(state->hash()) != Bytes(*vector.handshake_hash))
            return "the handshake hash";
    const auto ours = initiator.split(algorithms), theirs = responder.split(algorithms);
    std::array senders{CipherState(protocol.suite, ours.key_1), CipherState(protocol.suite, theirs.key_2)};
    std::array receivers{CipherState(protocol.suite, theirs.key_1), CipherState(protocol.suite, ours.key_2)};
    for (std::size_t i = count; i < vector.messages.size(); ++i) {
        const auto way = count == 1 ? 0 : i % 2;  // one-way patterns never answer
        const auto* different =
            transport_message(algorithms, senders[way], receivers[way], vector.messages[i]);
        if (different != nullptr) return different;
    }
    return nullptr;
}

}  // namespace noise_vectors
