// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/report.hpp>

#include <doctest/doctest.h>

using namespace penstock;
using node::Report;

namespace {

Report example() {
    Report out;
    out.up = std::chrono::seconds(61);
    node::WorkerReport told;
    told.requests = 100;
    told.sessions = 3;
    told.keys = 5;
    told.handshakes = 7;
    told.listed = {{"sid", "nid", "10.0.0.2:7", 2, true}};
    out.workers = {{0, 2, 125, told, 4, {}}, {1, 1, 1000, {}}};
    out.workers[0].turns_ns.buckets[12] = 9;
    out.workers[0].turns_ns.sum = 30'000;
    out.queues.resize(1);
    out.queues[0].jobs = 3;
    return out;
}

}  // namespace

TEST_CASE("the status is JSON, a silent worker has no number of requests") {
    CHECK(example().json() ==
          R"({"version":"0.1.0","node_id":"","uptime_s":61,"draining":false,"workers":[)"
          R"({"index":0,"cpu":0,"connections":2,"requests":100,"busy":0.125,"silent":false},)"
          R"({"index":1,"cpu":1,"connections":1,"requests":null,"busy":1,"silent":true}],"sessions":[)"
          R"({"id":"sid","worker":0,"node":"nid","peer":"10.0.0.2:7","channels":2,"attached":true}]})");
}

TEST_CASE("all metrics begin with penstock_, a silent worker has no sample of what it alone knows") {
    auto report = example();
    report.is_draining = true;
    const auto text = report.metrics();
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        const auto line = std::string_view(text).substr(at, text.find('\n', at) - at);
        const bool named = line.starts_with("penstock_") || line.starts_with("# HELP penstock_") ||
                           line.starts_with("# TYPE penstock_");
        CHECK_MESSAGE(named, line);
    }
    for (const char* line :
         {"penstock_draining 1\n", "penstock_uptime_seconds 61\n",
          "penstock_http_requests_total{worker=\"0\"} 100\n", "penstock_worker_silent{worker=\"1\"} 1\n",
          "penstock_worker_busy_ratio{worker=\"0\"} 0.125\n", "penstock_queue_jobs{queue=\"0\"} 3\n",
          "penstock_sessions{worker=\"0\"} 3\n", "penstock_request_keys{worker=\"0\"} 5\n",
          "penstock_handshakes_total{worker=\"0\"} 7\n", "penstock_worker_stalls_total{worker=\"0\"} 4\n",
          "penstock_worker_turn_seconds_count{worker=\"0\"} 9\n",
          "penstock_worker_turn_seconds_sum{worker=\"0\"} 3e-05\n"})
        CHECK_MESSAGE(text.find(line) != std::string::npos, line);
    CHECK(text.find("penstock_http_requests_total{worker=\"1\"}") == std::string::npos);
}

TEST_CASE("the text for a terminal tells the same") {
    CHECK(example().text() ==
          "penstock 0.1.0, serving, up 61 s\n"
          "worker 0: 100 requests, 3 sessions, 2 connections, 13 % busy, cpu 0\n"
          "worker 1: silent, 1 connections, 100 % busy, cpu 1\n"
          "pages: /healthz /metrics /status\n");
}
