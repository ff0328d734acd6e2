// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <memory>
#include <string>

#include <bench/case.hpp>
#include <bench/measure.hpp>
#include <bench/samples.hpp>

namespace penstock::bench {

/// One contestant while it is visited: what there is to be started once is started when it is made, and
/// ended when it dies. A kind of measure is a kind of subject.
class Subject {
public:
    Subject() = default;
    Subject(const Subject&) = delete;
    Subject& operator=(const Subject&) = delete;
    virtual ~Subject() = default;
    /// Its round, and whether it was near, are the caller's to fill in.
    virtual Result<Slice> take() = 0;

    /// `program` is the contestant's executable; all three outlive the subject.
    static Result<std::unique_ptr<Subject>> make(const Case& test, const std::string& program,
                                                 const Plan& plan);
};

}  // namespace penstock::bench
