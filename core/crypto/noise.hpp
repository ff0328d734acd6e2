// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/noise_pattern.hpp>
#include <penstock/core/crypto/noise_symmetric.hpp>
#include <penstock/core/crypto/x25519.hpp>
#include <penstock/core/random.hpp>
#include <penstock/core/result.hpp>

#include <array>
#include <optional>
#include <span>

namespace penstock::crypto {

/// What a handshake starts from. Views: only `own_static` is needed after the constructor.
struct HandshakeSetup {
    Bytes prologue{};
    std::span<const Secret<32>> psks{};  ///< as many as the pattern has, in the order of its tokens
    /// Borrowed until the handshake is done or dead, so that a long-term key stays in its locked memory. Null
    /// where the pattern needs none.
    const X25519Pair* own_static = nullptr;
    std::optional<X25519Public> remote_static{};  ///< where the pattern knows it beforehand
};

/// Noise's HandshakeState (revision 34, 5.3), unchanged: Curve25519, SHA-256 and either suite. Messages are
/// written and read in turns, then come `hash` and `split`.
///
/// A message that is refused leaves the state of no use (`fault` says what it was refused for). Whoever wants
/// to give the peer another try reads on a copy: a state is some 400 bytes, and each copy wipes itself.
/// Tokens run in the pattern's order, so that in XXpsk0+psk3 a wrong psk 0 is found by the tag of message 1,
/// before any DH; and message 3 is checked as tag of the static key, DH, tag of the payload.
///
/// Limits: 65,535 bytes a message, 4 psks.
class HandshakeState {
public:
    enum class Role : std::uint8_t { initiator, responder };
    enum class Fault : std::uint8_t {
        none,
        length,       ///< shorter than its tokens, or too long
        static_tag,   ///< the encrypted static key did not open
        dh,           ///< a public key of the peer's that yields nothing secret
        payload_tag,  ///< the payload did not open: in message 1 the psk, else a change on the way
    };
    static constexpr std::size_t message_bytes_max = 65535;
    static constexpr std::size_t psks_max = 4;

    HandshakeState(Algorithms& algorithms, const Pattern& pattern, Suite suite, Role role,
                   const HandshakeSetup& setup);

    bool is_done() const { return at_ == message_count_; }
    bool is_my_turn() const { return !is_done() && (at_ % 2 == 0) == (role_ == Role::initiator); }
    /// What the next message is longer than its payload. Requires !is_done().
    std::size_t overhead_bytes() const;

    /// The next message into `out`, which does not overlap the payload; answers its length. Draws 32 bytes
    /// from `random` if the message has a new key. Fails by a key that the peer sent (Fault::dh) or a payload
    /// that is too long. Requires is_my_turn() and room for payload.size() + overhead_bytes().
    Result<std::size_t> write(Algorithms& algorithms, core::Random& random, Bytes payload,
                              std::span<std::byte> out);
    /// The payload of the peer's next message into `out`, which does not overlap the message; answers its
    /// length. Errors have Code::handshake. Requires that it is the peer's turn and room for message.size() -
    /// overhead_bytes().
    Result<std::size_t> read(Algorithms& algorithms, Bytes message, std::span<std::byte> out);
    /// Of the write or read that failed.
    Fault fault() const { return fault_; }

    /// The peer's static key, once it was read; authenticated by the payload's tag behind it, so not before
    /// `read` succeeded.
    const std::optional<X25519Public>& remote_static() const { return remote_static_; }

    /// Requires is_done().
    const Hash& hash() const;
    SplitKeys split(Algorithms& algorithms) const;

private:
    bool is_initiator() const { return role_ == Role::initiator; }
    std::unexpected<core::Error> refuse(Fault fault);
    /// One token of a message that is written, or read: what it puts into or takes from the message.
    Fault write_token(Algorithms& algorithms, core::Random& random, Token token, std::span<std::byte>& out);
    Fault read_token(Algorithms& algorithms, Token token, Bytes& message);
    Fault mix_token(Algorithms& algorithms, Token token);
    void mix_ephemeral(Algorithms& algorithms, const X25519Public& key);
    void finish_message();

    SymmetricState symmetric_;
    std::array<Pattern::Message, Pattern::messages_max> messages_;
    std::array<Secret<32>, psks_max> psks_;
    X25519Pair own_ephemeral_;
    const X25519Pair* own_static_;
    std::optional<X25519Public> remote_static_;
    X25519Public remote_ephemeral_{};
    std::uint8_t message_count_;
    std::uint8_t at_ = 0;
    std::uint8_t next_psk_ = 0;
    bool has_psks_;
    Role role_;
    Fault fault_ = Fault::none;
};

}  // namespace penstock::crypto
