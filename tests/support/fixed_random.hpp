// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>
#include <penstock/core/bytes.hpp>
#include <penstock/core/random.hpp>

#include <algorithm>
#include <string>

namespace penstock::test {

/// Gives out the bytes that it was made of, once: for keys that a test vector fixes.
class FixedRandom final : public core::Random {
public:
    explicit FixedRandom(std::string bytes) : bytes_(std::move(bytes)) {}
    void fill(std::span<std::byte> out) override {
        PENSTOCK_ASSERT(out.size() <= bytes_.size() - at_);
        std::ranges::copy(Bytes(bytes_).from(at_).first(out.size()), out.begin());
        at_ += out.size();
    }

private:
    std::string bytes_;
    std::size_t at_ = 0;
};

}  // namespace penstock::test
