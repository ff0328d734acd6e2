// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/reactor.hpp>
#include <penstock/node/detail/gathering.hpp>
#include <penstock/node/detail/site.hpp>

namespace penstock::node {

Gathering::Gathering(Worker& worker)
    : worker_(worker),
      place_(worker.handles().add(this).place),
      timer_(worker, [this] { answer_.give(false); }) {}

Gathering::~Gathering() { worker_.handles().remove(place_); }

Awaitable<bool> Gathering::ask() {
    return Awaitable<bool>(answer_, [this] { begin(); });
}

void Gathering::begin() {
    auto& reactor = worker_.reactor();
    reports_.resize(reactor.workers());
    const auto self = worker_.remote_to<Gathering>({place_, worker_.handles().generation(place_)});
    auto report = [](Worker& asked, Remote<Gathering> to) {
        const auto* servers = asked.find_local<Servers>();
        const WorkerReport mine{asked.index(), servers == nullptr ? 0 : servers->requests()};
        // Full: it counts as silent.
        std::ignore = to.post([](Gathering& asking, WorkerReport got) { asking.take(got); }, mine);
    };
    for (unsigned i = 0; i < reactor.workers(); ++i)
        if (reactor.worker(i).post(report, self) == Posted::ok) ++missing_;
    if (missing_ == 0) return answer_.give(false);
    timer_.arm(patience);
}

void Gathering::take(const WorkerReport& report) {
    reports_[report.index] = report;
    if (--missing_ == 0) answer_.give(true);
}

}  // namespace penstock::node
