// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/clock.hpp>
#include <penstock/core/crypto/aead.hpp>
#include <penstock/core/crypto/noise_cipher.hpp>
#include <penstock/core/result.hpp>
#include <penstock/stream/limits.hpp>

#include <chrono>
#include <cstdint>
#include <span>

// The records of a stream (docs/protocol.md, 3.2): one direction of one attach each.
//
//      0      1       2          4                                       4+clen
//      +------+-------+----------+----------------------------------------+
//      | 0xE1 | epoch | clen u16 |  ciphertext of frames | tag (16)       |
//      +------+-------+----------+----------------------------------------+
//
// A Noise transport message whose associated data are the four header bytes. Records are counted from 0 over
// all key updates; an update is Noise's REKEY and the next epoch. Nothing here allocates but the constructors
// and key updates (a cipher context each); time is passed in.
namespace penstock::stream {

/// When a key is worn out. Lowered in tests only.
struct RecordLimits {
    std::uint64_t records_per_key_max = stream::records_per_key_max;
    std::chrono::nanoseconds key_age_max = record_key_age_max;
};

class RecordSealer {
public:
    /// `Algorithms` outlives it.
    RecordSealer(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& key,
                 core::TimePoint now, RecordLimits limits = {});

    /// One record into `out`: in place, `plain_bytes` of frames being at out[4] already. Answers its length.
    /// A key that is worn out is updated first. Requires 1 to record_plain_bytes_max, and room for 20 more.
    std::size_t seal(core::TimePoint now, std::size_t plain_bytes, std::span<std::byte> out);
    /// The same of pieces in a row, which do not overlap `out`.
    std::size_t seal(core::TimePoint now, std::span<const Bytes> pieces, std::span<std::byte> out);

    /// The next record, whenever it comes, begins the next key: so no epoch is ever left out. False, and
    /// nothing done, if the peer might take it for a flood: within key_update_records_min records and a
    /// minute (delays may bring a minute's records at once) of the last.
    bool update_key(core::TimePoint now);

    std::uint64_t records() const { return count_; }
    std::uint64_t key_updates() const { return updates_; }

private:
    void next_key(core::TimePoint now);
    std::span<std::byte> begin(core::TimePoint now, std::size_t plain_bytes, std::span<std::byte> out);

    crypto::Algorithms& algorithms_;
    crypto::Aead aead_;
    crypto::Secret<32> key_;
    RecordLimits limits_;
    core::TimePoint key_since_;               // its first record
    std::uint64_t count_ = 0, key_from_ = 0;  // records so far; of them, before this key
    std::uint64_t updates_ = 0;
    std::uint8_t epoch_ = 0;
    bool is_update_asked_ = false;
};

class RecordOpener {
public:
    /// `bytes_max`: the agreed max_record, whole records.
    RecordOpener(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& key,
                 std::size_t bytes_max = record_bytes_max, RecordLimits limits = {});

    /// How long the record at the front of `bytes` is: record_head_bytes while its header isn't all there.
    /// Error: protocol (magic, epoch, length), and then nothing may be read from this connection any more.
    Result<std::size_t> record_bytes(Bytes bytes) const;

    /// Opens one whole record in place; answers its frames, which lie 4 bytes in. Takes the current epoch or
    /// the next one, and goes over to that when its first record opens. After an error the connection is to
    /// be closed without an answer; the session lives on.
    /// Errors: protocol, decrypt, key_update_flood, aead_limit (a key used for more than its records).
    Result<std::span<std::byte>> open(core::TimePoint now, std::span<std::byte> record);

    std::uint64_t records() const { return count_; }
    std::uint64_t key_updates() const { return updates_; }

private:
    Result<std::span<std::byte>> open_next_epoch(core::TimePoint now, std::span<std::byte> record);
    bool open_in_place(std::span<std::byte> record);

    crypto::Algorithms& algorithms_;
    crypto::Aead aead_;
    crypto::Secret<32> key_;
    RecordLimits limits_;
    core::TimePoint key_since_{};
    std::size_t bytes_max_;
    std::uint64_t count_ = 0, key_from_ = 0;
    std::uint64_t updates_ = 0;
    std::uint8_t epoch_ = 0;
};

}  // namespace penstock::stream
