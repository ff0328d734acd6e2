// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/record.hpp>

namespace penstock::stream {
namespace {

using crypto::Code;
using crypto::tag_bytes;

/// So long apart, two updates don't reach the peer at once: before that, silence would have ended the
/// connection.
constexpr auto update_time_min = std::chrono::seconds(60);
static_assert(update_time_min > dead_time && update_time_min > key_update_time_min);

}  // namespace

RecordSealer::RecordSealer(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& key,
                           core::TimePoint now, RecordLimits limits)
    : algorithms_(algorithms), aead_(algorithms, suite, key), key_(key), limits_(limits), key_since_(now) {}

void RecordSealer::next_key(core::TimePoint now) {
    key_ = crypto::next_key(algorithms_, aead_.suite(), key_);
    aead_.rekey(key_);
    key_since_ = now;
    key_from_ = count_;
    ++updates_;
    ++epoch_;
    is_update_asked_ = false;
}

bool RecordSealer::update_key(core::TimePoint now) {
    if (updates_ > 0 && count_ - key_from_ < key_update_records_min && now - key_since_ < update_time_min)
        return false;
    is_update_asked_ = true;
    return true;
}

/// Writes the header; answers what is behind.
std::span<std::byte> RecordSealer::begin(core::TimePoint now, std::size_t plain_bytes,
                                         std::span<std::byte> out) {
    PENSTOCK_ASSERT(plain_bytes >= 1 && plain_bytes <= record_plain_bytes_max &&
                    out.size() >= plain_bytes + record_overhead_bytes);
    if (is_update_asked_ || count_ - key_from_ >= limits_.records_per_key_max ||
        now - key_since_ >= limits_.key_age_max)
        next_key(now);
    auto* at = detail::put(out.data(), record_magic, 1);
    at = detail::put(at, epoch_, 1);
    detail::put(at, plain_bytes + tag_bytes, 2);
    return out.subspan(record_head_bytes);
}

std::size_t RecordSealer::seal(core::TimePoint now, std::size_t plain_bytes, std::span<std::byte> out) {
    const auto room = begin(now, plain_bytes, out);
    const auto nonce = crypto::counter_nonce(aead_.suite(), count_++);
    return record_head_bytes +
           aead_.seal(nonce, Bytes(out.first(record_head_bytes)), Bytes(room.first(plain_bytes)), room);
}

std::size_t RecordSealer::seal(core::TimePoint now, std::span<const Bytes> pieces, std::span<std::byte> out) {
    std::size_t plain_bytes = 0;
    for (const auto piece : pieces) plain_bytes += piece.size();
    const auto room = begin(now, plain_bytes, out);
    const auto nonce = crypto::counter_nonce(aead_.suite(), count_++);
    return record_head_bytes + aead_.seal(nonce, Bytes(out.first(record_head_bytes)), pieces, room);
}

RecordOpener::RecordOpener(crypto::Algorithms& algorithms, crypto::Suite suite, const crypto::Secret<32>& key,
                           std::size_t bytes_max, RecordLimits limits)
    : algorithms_(algorithms),
      aead_(algorithms, suite, key),
      key_(key),
      limits_(limits),
      bytes_max_(bytes_max) {
    PENSTOCK_ASSERT(bytes_max >= record_bytes_max_lowest && bytes_max <= record_bytes_max);
}

Result<std::size_t> RecordOpener::record_bytes(Bytes bytes) const {
    const auto at = [bytes](std::size_t i) { return std::to_integer<std::uint8_t>(bytes[i]); };
    if (!bytes.empty() && at(0) != record_magic) return fail(crypto::error(Code::protocol, "not a record"));
    if (bytes.size() > 1 && at(1) != epoch_ && at(1) != static_cast<std::uint8_t>(epoch_ + 1))
        return fail(crypto::error(Code::protocol, "a record of another epoch"));
    if (bytes.size() < record_head_bytes) return record_head_bytes;
    const std::size_t sealed = detail::u16_at(bytes, 2);
    if (sealed <= tag_bytes || sealed > bytes_max_ - record_head_bytes)
        return fail(crypto::error(Code::protocol, "a record of a wrong length"));
    return record_head_bytes + sealed;
}

bool RecordOpener::open_in_place(std::span<std::byte> record) {
    const auto sealed = record.subspan(record_head_bytes);
    return aead_.open(crypto::counter_nonce(aead_.suite(), count_), Bytes(record.first(record_head_bytes)),
                      Bytes(sealed), sealed);
}

Result<std::span<std::byte>> RecordOpener::open(core::TimePoint now, std::span<std::byte> record) {
    const auto size = record_bytes(Bytes(record));
    if (!size) return fail(size);
    PENSTOCK_ASSERT(*size == record.size() && *size > record_head_bytes);
    if (std::to_integer<std::uint8_t>(record[1]) != epoch_) return open_next_epoch(now, record);
    if (count_ - key_from_ >= limits_.records_per_key_max) return fail(crypto::error(Code::aead_limit));
    if (!open_in_place(record)) return fail(crypto::error(Code::decrypt));
    ++count_;
    return record.subspan(record_head_bytes, record.size() - record_overhead_bytes);
}

Result<std::span<std::byte>> RecordOpener::open_next_epoch(core::TimePoint now, std::span<std::byte> record) {
    auto next = crypto::next_key(algorithms_, aead_.suite(), key_);
    aead_.rekey(next);
    if (!open_in_place(record)) {
        aead_.rekey(key_);
        return fail(crypto::error(Code::decrypt));
    }
    if (updates_ > 0 && count_ - key_from_ < key_update_records_min && now - key_since_ < key_update_time_min)
        return fail(crypto::error(Code::key_update_flood));
    key_ = std::move(next);
    key_since_ = now;
    key_from_ = count_++;
    ++updates_;
    ++epoch_;
    return record.subspan(record_head_bytes, record.size() - record_overhead_bytes);
}

}  // namespace penstock::stream
