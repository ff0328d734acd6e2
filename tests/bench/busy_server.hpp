// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bench/generator.hpp>
#include <bench/server_process.hpp>
#include <bench/subject.hpp>

namespace penstock::bench {

/// A server and its load; a slice is `plan.slice` of it.
class BusyServer final : public Subject {
public:
    /// Warmed up.
    static Result<std::unique_ptr<Subject>> start(const Traffic& traffic, const std::string& program,
                                                  const Plan& plan);
    Result<Slice> take() override;

private:
    BusyServer(ServerProcess server, Generator load, const Plan& plan)
        : server_(std::move(server)), load_(std::move(load)), plan_(plan) {}

    ServerProcess server_;
    Generator load_;
    const Plan& plan_;
};

}  // namespace penstock::bench
