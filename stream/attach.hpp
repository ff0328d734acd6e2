// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/noise.hpp>
#include <penstock/core/random.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/endpoint.hpp>
#include <penstock/stream/limits.hpp>
#include <penstock/stream/routed_id.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

// A session gets a connection (docs/protocol.md, 2.3): Noise_NNpsk0, one round trip, fresh keys each time.
namespace penstock::stream {

/// Which attach this is; all of it is in the prologue, so a message for another one doesn't open.
struct AttachPoint {
    RoutedId session{};
    std::uint32_t sequence = 0;  ///< 1, 2, ... for every new message 1
    Transport transport = Transport::tcp;
    Cid destination{}, source{};  ///< on UDP only
};

using AttachMessage = std::array<std::uint8_t, attach_message_bytes>;

/// The keys of the records of one connection, one a direction.
struct RecordKeys {
    crypto::Secret<32> client{};  ///< client to server
    crypto::Secret<32> server{};
};

class ClientAttach {
public:
    ClientAttach(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& psk,
                 const AttachPoint& point);

    /// First, and once. Keep the result if it is sent more than once.
    AttachMessage message_1(core::Random& random);
    /// Then, once. Error: handshake.
    Result<RecordKeys> read(Bytes message_2);

private:
    crypto::Algorithms& algorithms_;
    crypto::HandshakeState state_;
};

/// Lives while one attach is answered.
class ServerAttach {
public:
    struct Answer {
        AttachMessage message_2;
        RecordKeys keys;
    };

    ServerAttach(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& psk,
                 const AttachPoint& point);

    /// No DH: without the psk it ends here. Error: no_session, the same as for an unknown id. Afterwards the
    /// caller refuses a sequence that isn't above the last one (attach_stale), and a session that is
    /// attached (likewise), takes it as the last one, and only then answers.
    Result<void> read(Bytes message_1);
    /// Requires that `read` succeeded, once. Error: handshake, the client's key is of small order.
    Result<Answer> answer(core::Random& random);

private:
    crypto::Algorithms& algorithms_;
    crypto::HandshakeState state_;
};

/// The value of Penstock-Attach (3.1), in both directions: `1.<sequence>.<message in base64url>`.
struct AttachField {
    std::uint32_t sequence = 0;
    AttachMessage message{};
};
std::string attach_field_text(const AttachField& field);
/// Strict: no leading zeros, no sequence 0, nothing around it. Error: protocol.
Result<AttachField> parse_attach_field(std::string_view text);

}  // namespace penstock::stream
