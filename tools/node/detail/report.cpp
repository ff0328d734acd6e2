// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/json.hpp>
#include <penstock/core/metrics.hpp>
#include <penstock/core/version.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/node/detail/report.hpp>
#include <penstock/proc/processor.hpp>

namespace penstock::node {
namespace {

using core::MetricKind;

double share(unsigned thousandths) { return thousandths / 1000.0; }

void add_workers(core::MetricsText& out, const Report& report) {
    auto& connections = out.family("penstock_worker_connections", MetricKind::gauge, "open connections");
    auto& busy = out.family("penstock_worker_busy_ratio", MetricKind::gauge, "share of its time, recently");
    auto& silent =
        out.family("penstock_worker_silent", MetricKind::gauge, "1: it did not answer within 200 ms");
    auto& stalls = out.family("penstock_worker_stalls_total", MetricKind::counter,
                              "callbacks that held it for longer than events.stall_limit");
    auto& turns = out.family("penstock_worker_turn_seconds", MetricKind::histogram,
                             "how long turns of the loop took, less their waits");
    auto& requests = out.family("penstock_http_requests_total", MetricKind::counter, "requests that began");
    for (std::size_t i = 0; i < report.workers.size(); ++i) {
        const auto& worker = report.workers[i];
        const auto index = std::to_string(i);
        connections.sample({{"worker", index}}, worker.connections);
        busy.sample({{"worker", index}}, share(worker.busy));
        silent.sample({{"worker", index}}, worker.told ? 0 : 1);
        stalls.sample({{"worker", index}}, worker.stalls);
        turns.sample({{"worker", index}}, worker.turns_ns, core::latency_shape);
        if (worker.told) requests.sample({{"worker", index}}, worker.told->requests);
    }
}

void add_stream(core::MetricsText& out, const Report& report) {
    auto& sessions = out.family("penstock_sessions", MetricKind::gauge, "open sessions of streams");
    auto& keys = out.family("penstock_request_keys", MetricKind::gauge, "keys of encrypted requests");
    auto& handshakes = out.family("penstock_handshakes_total", MetricKind::counter, "handshakes answered");
    auto& refused =
        out.family("penstock_handshakes_refused_total", MetricKind::counter, "handshakes refused");
    auto& requests =
        out.family("penstock_encrypted_requests_total", MetricKind::counter, "encrypted requests opened");
    auto& unopened = out.family("penstock_encrypted_requests_refused_total", MetricKind::counter,
                                "what was answered in clear, handshakes too: not opened, replayed, unknown");
    for (std::size_t i = 0; i < report.workers.size(); ++i) {
        if (!report.workers[i].told) continue;
        const auto& told = *report.workers[i].told;
        const auto index = std::to_string(i);
        sessions.sample({{"worker", index}}, told.sessions);
        keys.sample({{"worker", index}}, told.keys);
        handshakes.sample({{"worker", index}}, told.handshakes);
        refused.sample({{"worker", index}}, told.handshakes_refused);
        requests.sample({{"worker", index}}, told.encrypted_requests);
        unopened.sample({{"worker", index}}, told.encrypted_requests_refused);
    }
}

void add_queues(core::MetricsText& out, const Report& report) {
    auto& jobs = out.family("penstock_queue_jobs", MetricKind::gauge, "waiting, sleeping and running jobs");
    auto& run = out.family("penstock_queue_runs_total", MetricKind::counter, "calls of jobs that have ended");
    auto& thrown = out.family("penstock_queue_thrown_total", MetricKind::counter, "calls of jobs that threw");
    auto& oldest =
        out.family("penstock_queue_oldest_seconds", MetricKind::gauge, "age of what has waited longest");
    auto& waited = out.family("penstock_queue_wait_seconds", MetricKind::histogram,
                              "from when a job was due to its run");
    auto& held = out.family("penstock_queue_run_seconds", MetricKind::histogram, "how long runs took");
    for (std::size_t i = 0; i < report.queues.size(); ++i) {
        const auto& queue = report.queues[i];
        const auto index = std::to_string(i);
        jobs.sample({{"queue", index}}, queue.jobs);
        run.sample({{"queue", index}}, queue.run);
        thrown.sample({{"queue", index}}, queue.thrown);
        oldest.sample({{"queue", index}}, std::chrono::duration<double>(queue.oldest).count());
        waited.sample({{"queue", index}}, queue.waited, core::latency_shape);
        held.sample({{"queue", index}}, queue.held, core::latency_shape);
    }
}

}  // namespace

Report make_report(Worker& worker, const Site& site, const Gathering& gathering) {
    Report out;
    out.node_id = site.stream.id().text();
    out.up = std::chrono::floor<std::chrono::seconds>(worker.now() - site.up_since);
    out.is_draining = site.is_draining.load(std::memory_order_relaxed);
    const auto& reports = gathering.reports();
    for (unsigned i = 0; i < reports.size(); ++i) {
        const auto status = worker.reactor().status(i);
        out.workers.push_back(
            {status.cpu, status.sockets, status.busy, reports[i], status.stalls, status.turns_ns});
    }
    const auto& processor = worker.local<proc::Processor>();
    for (unsigned i = 0; i < processor.queues(); ++i) out.queues.push_back(processor.status(i));
    return out;
}

std::string Report::json() const {
    std::string out;
    core::JsonWriter json(out);
    json.object().fields({{"version", core::version()},
                          {"node_id", node_id},
                          {"uptime_s", up.count()},
                          {"draining", is_draining}});
    json.array("workers");
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const auto& worker = workers[i];
        json.object().fields({{"index", i},
                              {"cpu", worker.cpu},
                              {"connections", worker.connections},
                              {"requests", worker.told ? core::Value(worker.told->requests) : core::Value()},
                              {"busy", share(worker.busy)},
                              {"silent", !worker.told}});
        json.end();
    }
    json.end().array("sessions");
    for (std::size_t i = 0; i < workers.size(); ++i) {
        if (!workers[i].told) continue;
        for (const auto& session : workers[i].told->listed)
            json.object()
                .fields({{"id", session.id},
                         {"worker", i},
                         {"node", session.node},
                         {"peer", session.peer},
                         {"channels", session.channels},
                         {"attached", session.attached}})
                .end();
    }
    json.end().end();
    return out;
}

std::string Report::metrics() const {
    core::MetricsText out;
    out.family("penstock_build_info", MetricKind::gauge, "always 1")
        .sample({{"version", core::version()}}, 1);
    out.family("penstock_uptime_seconds", MetricKind::gauge, "since the node serves").sample({}, up.count());
    out.family("penstock_draining", MetricKind::gauge, "1: it takes no new connections")
        .sample({}, is_draining ? 1 : 0);
    add_workers(out, *this);
    add_stream(out, *this);
    add_queues(out, *this);
    return out.text();
}

std::string Report::text() const {
    auto out = "penstock " + std::string(core::version()) + (is_draining ? ", draining" : ", serving") +
               ", up " + std::to_string(up.count()) + " s\n";
    if (!node_id.empty()) out += "node " + node_id + '\n';
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const auto& worker = workers[i];
        out += "worker " + std::to_string(i) + ": ";
        if (worker.told)
            out += std::to_string(worker.told->requests) + " requests, " +
                   std::to_string(worker.told->sessions) + " sessions, ";
        else
            out += "silent, ";
        out += std::to_string(worker.connections) + " connections, " +
               std::to_string((worker.busy + 5) / 10) + " % busy, cpu " + std::to_string(worker.cpu) + '\n';
    }
    return out + "pages: /healthz /metrics /status\n";
}

}  // namespace penstock::node
