// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <thread>

#include <bench/generator.hpp>
#include <bench/host.hpp>
#include <bench/measure.hpp>
#include <bench/pingpong.hpp>
#include <bench/server_process.hpp>
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
    Result<Slice> take(Generator& load, const ServerProcess& server);
    bool await_near();

    const Case& test_;
    const Plan& plan_;
    Samples samples_;
    bool given_up_ = false;  ///< on ever being near
};

/// Looks again and again until the cores are near; once it has waited in vain, only once.
bool Sampler::await_near() {
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

Result<Slice> Sampler::take(Generator& load, const ServerProcess& server) {
    const auto begin = SteadyClock::now();
    const auto used_before = server.cpu_time();
    if (!used_before) return fail(used_before);
    const auto replies = load.run_for(plan_.slice);
    if (!replies) return fail(replies);
    const auto used_after = server.cpu_time();
    if (!used_after) return fail(used_after);
    const std::chrono::duration<double, std::micro> used = *used_after - *used_before;
    const std::chrono::duration<double, std::micro> passed = SteadyClock::now() - begin;
    return Slice{
        .round = 0, .us = used.count() / static_cast<double>(*replies), .busy = used / passed, .near = false};
}

Result<void> Sampler::visit(std::size_t contestant, int round) {
    auto server = ServerProcess::start({plan_.folder + std::string(test_.contestants[contestant].binary)});
    if (!server) return fail(server);
    auto load = Generator::connect(server->port(), test_);
    if (!load) return fail(load);
    if (const auto warm = load->run_for(plan_.warm_up); !warm) return fail(warm);
    int near = 0;
    bool before = await_near();
    for (int taken = 0; taken < plan_.tries && near < plan_.slices; ++taken) {
        if (given_up_ && taken >= plan_.slices) break;
        auto slice = take(*load, *server);
        if (!slice) return fail(slice);
        const bool after = is_near(plan_.ping);
        slice->round = round;
        slice->near = before && after;
        near += slice->near;
        samples_.add(contestant, *slice);
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

bool is_built(const Plan& plan, const Contestant& contestant) {
    return ::access((plan.folder + std::string(contestant.binary)).c_str(), X_OK) == 0;
}

Result<Samples> measure(const Case& test, const Plan& plan) { return Sampler(test, plan).run(); }

}  // namespace penstock::bench
