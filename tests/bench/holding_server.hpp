// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bench/subject.hpp>

namespace penstock::bench {

/// A slice is a fresh server that holds a crowd: what it takes more than after its first request.
class HoldingServer final : public Subject {
public:
    HoldingServer(const Traffic& traffic, const std::string& program)
        : traffic_(traffic), program_(program) {}
    Result<Slice> take() override;

private:
    const Traffic& traffic_;
    const std::string& program_;
};

}  // namespace penstock::bench
