// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bench/subject.hpp>

namespace penstock::bench {

/// A slice is one run of a program that times itself.
class TimedProgram final : public Subject {
public:
    TimedProgram(const OwnTime& own, const std::string& program, const Plan& plan)
        : own_(own), program_(program), plan_(plan) {}
    Result<Slice> take() override;

    /// Beyond the time that it is asked to take.
    static constexpr std::chrono::seconds overtime_max{60};

private:
    const OwnTime& own_;
    const std::string& program_;
    const Plan& plan_;
};

}  // namespace penstock::bench
