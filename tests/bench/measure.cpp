// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <thread>

#include <bench/host.hpp>
#include <bench/measure.hpp>
#include <bench/pingpong.hpp>
#include <bench/subject.hpp>
#include <unistd.h>

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

class Sampler {
public:
    Sampler(const Case& test, const Plan& plan)
        : test_(test), plan_(plan), samples_(test.contestants.size(), plan.rounds) {}

    Result<Samples> run();

private:
    Result<void> visit(std::size_t contestant, int round);
    bool await_near();

    const Case& test_;
    const Plan& plan_;
    Samples samples_;
    bool given_up_ = false;  ///< on ever being near
};

/// Looks again and again until the cores are near; once it has waited in vain, only once. What does not cross
/// cores need not wait.
bool Sampler::await_near() {
    if (!test_.crosses_cores()) return true;
    const auto end = SteadyClock::now() + plan_.near_wait;
    do {
        if (is_near(plan_.ping)) return true;
        if (given_up_ || is_interrupted()) return false;
        std::this_thread::sleep_for(200ms);
    } while (SteadyClock::now() < end);
    std::fprintf(stderr, "note: the cores were far for %lld s: not waited for any more\n",
                 static_cast<long long>(plan_.near_wait / 1s));
    given_up_ = true;
    return false;
}

Result<void> Sampler::visit(std::size_t contestant, int round) {
    const auto program = program_of(plan_, test_.contestants[contestant]);
    const auto subject = Subject::make(test_, program, plan_);
    if (!subject) return fail(subject);
    int near = 0;
    bool before = await_near();
    for (int taken = 0; taken < plan_.tries && near < plan_.slices; ++taken) {
        if (given_up_ && taken >= plan_.slices) break;
        auto slice = (*subject)->take();
        if (!slice) return fail(slice);
        const bool after = !test_.crosses_cores() || is_near(plan_.ping);
        slice->round = round;
        slice->near = before && after;
        near += slice->near;
        samples_.add(contestant, std::move(*slice));
        before = after || await_near();
    }
    return {};
}

Result<Samples> Sampler::run() {
    for (std::size_t i = 0; i < test_.contestants.size(); ++i)
        if (is_built(plan_, test_.contestants[i])) samples_.set_present(i);
    for (int round = 0; round < 2 * plan_.rounds && samples_.near_rounds() < plan_.rounds; ++round) {
        if (given_up_ && round >= plan_.rounds) break;
        for (std::size_t i = 0; i < test_.contestants.size(); ++i) {
            if (!samples_.is_present(i)) continue;
            const auto ok = visit(i, round);
            if (ok) continue;
            std::fprintf(stderr, "error: %s: %.*s: %s\n", test_.title().c_str(),
                         static_cast<int>(test_.contestants[i].name.size()), test_.contestants[i].name.data(),
                         ok.error().message().c_str());
            return fail(ok);
        }
    }
    return std::move(samples_);
}

}  // namespace

std::string program_of(const Plan& plan, const Contestant& contestant) {
    return plan.folder + std::string(contestant.binary);
}

bool is_built(const Plan& plan, const Contestant& contestant) {
    return ::access(program_of(plan, contestant).c_str(), X_OK) == 0;
}

Result<Samples> measure(const Case& test, const Plan& plan) { return Sampler(test, plan).run(); }

}  // namespace penstock::bench
