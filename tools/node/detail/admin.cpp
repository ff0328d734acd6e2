// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/admin.hpp>
#include <penstock/node/detail/report.hpp>
#include <penstock/node/detail/site.hpp>

namespace penstock::node {
namespace {

/// 128 bits in hex: every browser's parser takes that as a nonce.
std::string make_nonce(Worker& worker) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const auto byte : worker.random().bytes<16>()) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

void send(http::Exchange& exchange, std::string_view type, std::string_view text) {
    auto& head = exchange.response();
    head.set("content-type", type);
    head.set("cache-control", "no-store");
    head.set("x-content-type-options", "nosniff");
    Chain body;
    body.append(Bytes(text));
    exchange.send(200, std::move(body));
}

void send_page(http::Exchange& exchange) {
    const auto nonce = make_nonce(exchange.worker());
    auto& head = exchange.response();
    head.set("content-security-policy", admin_page_policy(nonce));
    head.set("referrer-policy", "no-referrer");
    send(exchange, "text/html; charset=utf-8", admin_page(nonce));
}

/// Runs `show` with a report when the workers have answered.
template <class Show>
Task<> with_report(http::Exchange& exchange, Site& site, Show show) {
    Gathering gathering(exchange.worker());
    co_await gathering.ask();
    show(exchange, make_report(exchange.worker(), site, gathering));
}

}  // namespace

void add_admin_routes(http::Router& router, Site& site) {
    router.get(admin_paths[0], [&site](http::Exchange& exchange) -> Task<> {
        exchange.response().set("vary", "accept");
        if (exchange.header("accept").find("text/html") != std::string_view::npos)
            co_return send_page(exchange);
        co_await with_report(exchange, site, [](http::Exchange& x, const Report& report) {
            send(x, "text/plain; charset=utf-8", report.text());
        });
    });
    router.get(admin_paths[1], [&site](http::Exchange& exchange) {
        exchange.response().set("cache-control", "no-store");
        if (!site.is_draining.load(std::memory_order_relaxed)) return exchange.text("ok\n");
        exchange.send(http::Response::text(503, "draining\n"));
    });
    router.get(admin_paths[2], [&site](http::Exchange& exchange) {
        return with_report(exchange, site, [](http::Exchange& x, const Report& report) {
            send(x, "text/plain; version=0.0.4; charset=utf-8", report.metrics());
        });
    });
    router.get(admin_paths[3], [&site](http::Exchange& exchange) {
        return with_report(exchange, site, [](http::Exchange& x, const Report& report) {
            send(x, "application/json", report.json());
        });
    });
}

}  // namespace penstock::node
