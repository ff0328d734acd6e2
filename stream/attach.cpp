// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/attach.hpp>
#include <penstock/stream/base64url.hpp>

#include <charconv>

namespace penstock::stream {
namespace {

using crypto::Code;
using Role = crypto::HandshakeState::Role;

crypto::HandshakeState start(crypto::Algorithms& algorithms, crypto::Suite suite, Role role,
                             const crypto::Secret<32>& psk, const AttachPoint& point) {
    std::string prologue;
    crypto::Writer writer(prologue);
    writer.bytes("Penstock/1 attach")
        .bytes(Bytes(point.session))
        .u32(point.sequence)
        .u8(static_cast<std::uint8_t>(point.transport));
    if (point.transport == Transport::udp) writer.bytes(Bytes(point.destination)).bytes(Bytes(point.source));
    return {algorithms, crypto::nn_psk0, suite, role,
            crypto::HandshakeSetup{prologue, std::span(&psk, 1), nullptr, {}}};
}

RecordKeys split(crypto::Algorithms& algorithms, const crypto::HandshakeState& state) {
    auto keys = state.split(algorithms);
    return {std::move(keys.key_1), std::move(keys.key_2)};
}

/// Both messages are all overhead: their payloads are empty.
bool has_right_length(Bytes message) { return message.size() == attach_message_bytes; }

constexpr std::string_view field_start = "1.";

}  // namespace

ClientAttach::ClientAttach(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& psk,
                           const AttachPoint& point)
    : algorithms_(algorithms), state_(start(algorithms, suite, Role::initiator, psk, point)) {}

AttachMessage ClientAttach::message_1(core::Random& random) {
    AttachMessage out;
    const auto size = state_.write(algorithms_, random, {}, std::as_writable_bytes(std::span(out)));
    PENSTOCK_ASSERT(size && *size == out.size());
    return out;
}

Result<RecordKeys> ClientAttach::read(Bytes message_2) {
    if (!has_right_length(message_2))
        return fail(crypto::error(Code::handshake, "attach message of a wrong length"));
    const auto size = state_.read(algorithms_, message_2, {});
    if (!size) return fail(size);
    return split(algorithms_, state_);
}

ServerAttach::ServerAttach(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& psk,
                           const AttachPoint& point)
    : algorithms_(algorithms), state_(start(algorithms, suite, Role::responder, psk, point)) {}

Result<void> ServerAttach::read(Bytes message_1) {
    if (!has_right_length(message_1) || !state_.read(algorithms_, message_1, {}))
        return fail(crypto::error(Code::no_session));
    return {};
}

Result<ServerAttach::Answer> ServerAttach::answer(core::Random& random) {
    Answer out;
    const auto size = state_.write(algorithms_, random, {}, std::as_writable_bytes(std::span(out.message_2)));
    if (!size) return fail(size);
    out.keys = split(algorithms_, state_);
    return out;
}

std::string attach_field_text(const AttachField& field) {
    std::string out(field_start);
    out += std::to_string(field.sequence);
    out += '.';
    append_base64url(out, Bytes(field.message));
    return out;
}

Result<AttachField> parse_attach_field(std::string_view text) {
    const auto malformed = fail(crypto::error(Code::protocol, "malformed Penstock-Attach"));
    if (!text.starts_with(field_start)) return malformed;
    text.remove_prefix(field_start.size());
    AttachField out;
    const auto dot = text.find('.');
    if (dot == text.npos || dot == 0 || text[0] < '1' || text[0] > '9') return malformed;
    const auto number = text.substr(0, dot);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.sequence);
    if (error != std::errc() || end != number.data() + number.size()) return malformed;
    if (!decode_base64url(text.substr(dot + 1), std::as_writable_bytes(std::span(out.message))))
        return malformed;
    return out;
}

}  // namespace penstock::stream
