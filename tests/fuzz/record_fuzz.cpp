// SPDX-License-Identifier: Apache-2.0
// Records: the input as bytes from a peer, and as a list of steps of a connection: {what, size} each.
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/record.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>

using namespace penstock;
using namespace penstock::stream;

namespace {

constexpr RecordLimits low{.records_per_key_max = 1500, .key_age_max = 10min};

/// Bytes that were never sealed: nothing opens.
void check_forged(crypto::Algorithms& algorithms, Bytes input) {
    RecordOpener opener(algorithms, crypto::Suite::aes_gcm, {});
    const auto size = opener.record_bytes(input);
    if (!size || *size > input.size() || *size == record_head_bytes) return;
    if (*size > record_bytes_max || *size <= record_overhead_bytes) std::abort();
    std::string record(input.first(*size).text());
    if (opener.open({}, std::as_writable_bytes(std::span(record)))) std::abort();
}

/// A step: one record passes, or is changed on the way; time goes on; the key is updated.
class Connection {
public:
    explicit Connection(crypto::Algorithms& algorithms)
        : sealer_(algorithms, crypto::Suite::chacha_poly, {}, now_, low),
          opener_(algorithms, crypto::Suite::chacha_poly, {}, record_bytes_max, low) {}

    bool step(unsigned what, std::size_t size) {
        if (what < 64) sealer_.update_key(now_);
        if (what < 128) now_ += std::chrono::seconds(size);
        const auto plain_bytes = 1 + size * 60;
        std::fill_n(room_.begin() + record_head_bytes, plain_bytes, std::byte(what));
        const auto all = sealer_.seal(now_, plain_bytes, room_);
        if (what % 16 == 5) room_[size % all] ^= std::byte(1 << what / 32);
        const auto record = std::span(room_).first(all);
        const auto length = opener_.record_bytes(Bytes(record));
        if (what % 16 == 5 && (!length || *length != all)) return false;
        const auto plain = opener_.open(now_, record);
        if (what % 16 == 5) {
            if (plain) std::abort();
            return false;
        }
        if (!plain || plain->size() != plain_bytes || plain->back() != std::byte(what)) std::abort();
        return true;
    }

private:
    core::TimePoint now_{};
    RecordSealer sealer_;
    RecordOpener opener_;
    std::array<std::byte, record_bytes_max> room_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static crypto::Algorithms algorithms;
    check_forged(algorithms, Bytes(std::span<const std::uint8_t>(data, size)));
    Connection connection(algorithms);
    for (std::size_t at = 0; at + 1 < size; at += 2)
        if (!connection.step(data[at], data[at + 1])) break;
    return 0;
}
