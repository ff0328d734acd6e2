// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/ciphers.hpp>
#include <penstock/stream/message_key.hpp>

#include <cstdint>
#include <span>

// The records of an encrypted request or response (docs/protocol.md, 1.7), made and read one by one, so that
// a body may stream:
//
//     [prefix, before the first only] | u16 sealed_bytes | ciphertext and tag
//
// The prefix is authenticated with the first record, and the last record is marked in its nonce (the STREAM
// construction). Nothing here allocates.
namespace penstock::stream {

class MessageSealer {
public:
    explicit MessageSealer(const MessageKey& key) : key_(key) {}

    /// The next record into `out`, behind its first `prefix_bytes`, which hold the message's prefix already
    /// (zero for all but the first record). One piece may lie where its ciphertext goes (at prefix_bytes +
    /// 2), else the pieces do not overlap `out`. Answers the bytes of `out` that are filled, prefix included.
    /// Requires at most message_plain_bytes_max of plaintext, room for it and 18 more, and !is_done().
    std::size_t seal(Ciphers& ciphers, std::size_t prefix_bytes, std::span<const Bytes> pieces, bool is_final,
                     std::span<std::byte> out);
    std::size_t seal(Ciphers& ciphers, std::size_t prefix_bytes, Bytes piece, bool is_final,
                     std::span<std::byte> out) {
        return seal(ciphers, prefix_bytes, std::span(&piece, 1), is_final, out);
    }
    /// The final record was made.
    bool is_done() const { return is_done_; }

private:
    MessageKey key_;
    std::uint64_t index_ = 0;
    bool is_done_ = false;
};

/// What is known about what is behind a record, from the framing of the outer body.
enum class Behind : std::uint8_t {
    more,     ///< bytes: it is not the last record
    nothing,  ///< the end: it is the last
    unknown,  ///< neither yet: both are tried, which opens the last one twice
};

class MessageOpener {
public:
    struct Opened {
        std::span<std::byte> plain;
        bool is_final;
    };

    /// `index`: 1 for who was handed the key after record 0 was opened elsewhere.
    explicit MessageOpener(const MessageKey& key, std::uint64_t index = 0) : key_(key), index_(index) {}

    /// How long the record at the front of `bytes` is, its two bytes of length included; 2 while those are
    /// not all there. Error: protocol, a length out of bounds.
    static Result<std::size_t> record_bytes(Bytes bytes);

    /// `record` is one whole record, behind `prefix_bytes` of prefix (zero for all but the first). The
    /// plaintext goes to the front of `out`: where the ciphertext is (in place, record.data() + prefix_bytes
    /// + 2), or apart from `record`, which Behind::unknown asks for. Requires room for the plaintext.
    /// Errors: decrypt; protocol for a record behind the final one. After one the message is dead.
    Result<Opened> open(Ciphers& ciphers, std::size_t prefix_bytes, Bytes record, Behind behind,
                        std::span<std::byte> out);
    bool is_done() const { return is_done_; }

private:
    MessageKey key_;
    std::uint64_t index_;
    bool is_done_ = false;
};

/// Whole messages, for small ones: seals `inner` in as many records as it takes behind the prefix that `out`
/// ends with (from `prefix_at` on).
void append_sealed(Ciphers& ciphers, const MessageKey& key, Bytes inner, std::string& out,
                   std::size_t prefix_at);
/// Opens a whole message in place and moves its plaintexts together, where the first one was. Errors:
/// protocol, decrypt.
Result<std::span<std::byte>> open_all(Ciphers& ciphers, const MessageKey& key, std::size_t prefix_bytes,
                                      std::span<std::byte> message);

}  // namespace penstock::stream
