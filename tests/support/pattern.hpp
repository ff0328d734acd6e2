// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::test {

/// A stream of bytes that tells each place from every other one nearby, and each stream from the others.
class Pattern {
public:
    explicit Pattern(std::uint64_t stream) : stream_(stream) {}
    char at(std::uint64_t place) const {
        auto mixed = (place / 7 + stream_) * 0x9E37'79B9'7F4A'7C15 + place * 0xD1B5'4A32'D192'ED03;
        return static_cast<char>(mixed >> 56);
    }
    std::string text(std::uint64_t from, std::size_t count) const {
        std::string out(count, '\0');
        for (std::size_t i = 0; i < count; ++i) out[i] = at(from + i);
        return out;
    }
    bool is_at(std::uint64_t from, std::string_view bytes) const {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            if (bytes[i] != at(from + i)) return false;
        return true;
    }

private:
    std::uint64_t stream_;
};

}  // namespace penstock::test
