// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/reactor.hpp>
#include <penstock/node/detail/gathering.hpp>
#include <penstock/node/detail/site.hpp>
#include <penstock/stream/encrypted_http.hpp>

namespace penstock::node {

namespace {

WorkerReport report_of(Worker& worker) {
    WorkerReport out;
    out.index = worker.index();
    if (const auto* servers = worker.find_local<Servers>()) out.requests = servers->requests();
    if (auto* encrypted = worker.find_local<stream::EncryptedHttp>()) {
        const auto& counters = encrypted->counters();
        out.handshakes = counters.handshakes.value();
        out.handshakes_refused = counters.handshakes_refused.value();
        out.encrypted_requests = counters.requests.value();
        out.encrypted_requests_refused = counters.requests_refused.value();
        out.keys = encrypted->keys().size();
    }
    if (const auto* sessions = worker.find_local<stream::SessionTable>()) {
        out.sessions = sessions->size();
        out.listed = sessions->status(WorkerReport::sessions_listed_max);
    }
    return out;
}

}  // namespace

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
        // Full: it counts as silent.
        std::ignore = to.post([](Gathering& asking, WorkerReport got) { asking.take(std::move(got)); },
                              report_of(asked));
    };
    for (unsigned i = 0; i < reactor.workers(); ++i)
        if (reactor.worker(i).post(report, self) == Posted::ok) ++missing_;
    if (missing_ == 0) return answer_.give(false);
    timer_.arm(patience);
}

void Gathering::take(WorkerReport report) {
    const auto index = report.index;
    reports_[index] = std::move(report);
    if (--missing_ == 0) answer_.give(true);
}

}  // namespace penstock::node
