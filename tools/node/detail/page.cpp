// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/admin.hpp>

namespace penstock::node {
namespace {

// One page without anything from elsewhere: it fetches /status every two seconds. "@nonce@" stands for the
// nonce. Numbers go in as text, never as markup.
constexpr std::string_view page = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Penstock node</title>
<link rel="icon" href="data:,">
<style nonce="@nonce@">
:root { color-scheme: light dark; --ground: #f4f6f8; --card: #fff; --ink: #17212b; --faint: #667582;
  --line: #dfe5ea; --water: #0b7285; --calm: #2b8a3e; --alarm: #c92a2a; --wait: #b35c00; }
@media (prefers-color-scheme: dark) { :root { --ground: #10161c; --card: #18212a; --ink: #e6edf3;
  --faint: #8b9aa7; --line: #2a3641; --water: #3bc9db; --calm: #69db7c; --alarm: #ff8787; --wait: #ffc078; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem; margin-bottom: 1.75rem; }
h1 { font-size: 1.6rem; letter-spacing: -.01em; margin: 0; }
h2 { font-size: 1rem; margin: 2rem 0 .75rem; }
.version { color: var(--faint); }
.state { margin-left: auto; padding: .2rem .8rem; border-radius: 1rem; border: 1px solid currentColor;
  color: var(--faint); font-size: .9rem; }
.state.serving { color: var(--calm); } .state.draining { color: var(--wait); } .state.lost { color: var(--alarm); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; }
.card, .table { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.card { padding: 1rem 1.2rem; }
.card b { display: block; font-size: 1.7rem; font-weight: 600; line-height: 1.25;
  font-variant-numeric: tabular-nums; }
.card span, th { color: var(--faint); font-size: .85rem; font-weight: 500; }
.table { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .6rem 1.2rem; border-top: 1px solid var(--line); white-space: nowrap; }
tr:first-child th { border-top: 0; } th:first-child, td:first-child { text-align: left; }
td.silent { color: var(--alarm); } td meter { width: 6rem; height: .8rem; margin-left: .6rem;
  vertical-align: middle; }
@media (max-width: 34rem) { th, td { padding: .6rem .5rem; } td meter { display: none; } }
.id { color: var(--faint); font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .85rem;
  overflow-wrap: anywhere; margin: -1rem 0 1.5rem; }
.id:empty { display: none; }
footer { margin-top: 2rem; color: var(--faint); font-size: .9rem; } a { color: var(--water); }
</style>
</head>
<body>
<main>
<header><h1>Penstock node</h1><span class="version" id="version"></span>
<span class="state" id="state" role="status">loading</span></header>
<p class="id" id="id"></p>
<section class="cards">
<div class="card"><b id="up">&ndash;</b><span>up</span></div>
<div class="card"><b id="requests">&ndash;</b><span>requests</span></div>
<div class="card"><b id="rate">&ndash;</b><span>requests a second</span></div>
<div class="card"><b id="connections">&ndash;</b><span>connections</span></div>
<div class="card"><b id="sessions">&ndash;</b><span>sessions</span></div>
</section>
<h2>Workers</h2>
<div class="table"><table>
<thead><tr><th>worker</th><th>cpu</th><th>connections</th><th>requests</th><th>busy</th></tr></thead>
<tbody id="workers"></tbody>
</table></div>
<section id="streams" hidden>
<h2>Sessions</h2>
<div class="table"><table>
<thead><tr><th>node</th><th>peer</th><th>worker</th><th>channels</th></tr></thead>
<tbody id="session_rows"></tbody>
</table></div>
</section>
<footer><noscript>The numbers need JavaScript; without it, see the pages below. </noscript>
<a href="/status">status</a> as JSON &middot; <a href="/metrics">metrics</a> for Prometheus &middot;
<a href="/healthz">health</a></footer>
</main>
<script nonce="@nonce@">
"use strict";
const at = id => document.getElementById(id);
const put = (id, text) => { at(id).textContent = text; };
const count = n => n.toLocaleString("en");
let last = null;

function duration(s) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([unit]) => s >= unit);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).map(([unit, name], i) =>
    Math.floor(i ? s % parts[first][0] / unit : s / unit) + " " + name).join(" ");
}
function state(name) {
  put("state", name === "lost" ? "not reachable" : name);
  at("state").className = "state " + name;
}
function row(worker) {
  const out = document.createElement("tr");
  for (const text of [worker.index, worker.cpu, count(worker.connections),
                      worker.silent ? "silent" : count(worker.requests)])
    out.insertCell().textContent = text;
  out.cells[3].className = worker.silent ? "silent" : "";
  const busy = out.insertCell();
  busy.textContent = (100 * worker.busy).toFixed(1) + " %";
  const meter = document.createElement("meter");
  meter.value = worker.busy; meter.high = 0.8; meter.optimum = 0;
  meter.title = busy.textContent;
  busy.append(meter);
  return out;
}
function session_row(session) {
  const out = document.createElement("tr");
  for (const text of [session.node.slice(0, 12) + "\u2026", session.peer || "not attached yet",
                      session.worker, session.channels])
    out.insertCell().textContent = text;
  out.cells[0].title = session.node;
  return out;
}
function show(node) {
  const sum = name => node.workers.reduce((n, worker) => n + (worker[name] || 0), 0);
  const now = performance.now(), requests = sum("requests");
  state(node.draining ? "draining" : "serving");
  put("version", node.version); put("id", node.node_id);
  put("up", duration(node.uptime_s)); put("requests", count(requests));
  put("connections", count(sum("connections"))); put("sessions", count(node.sessions.length));
  if (last) put("rate", count(Math.max(0, Math.round(1000 * (requests - last.requests) / (now - last.at)))));
  last = { at: now, requests };
  at("workers").replaceChildren(...node.workers.map(row));
  at("streams").hidden = node.sessions.length === 0;
  at("session_rows").replaceChildren(...node.sessions.slice(0, 100).map(session_row));
}
async function refresh() {
  try {
    const answer = await fetch("/status", { cache: "no-store" });
    show(await answer.json());
  } catch { state("lost"); last = null; }
  setTimeout(refresh, 2000);
}
refresh();
</script>
</body>
</html>
)html";

}  // namespace

std::string admin_page(std::string_view nonce) {
    constexpr std::string_view mark = "@nonce@";
    std::string out;
    for (auto rest = page;;) {
        const auto at = rest.find(mark);
        out += rest.substr(0, at);
        if (at == std::string_view::npos) return out;
        out += nonce;
        rest.remove_prefix(at + mark.size());
    }
}

std::string admin_page_policy(std::string_view nonce) {
    const std::string source = " 'nonce-" + std::string(nonce) + "'";
    return "default-src 'none'; script-src" + source + "; style-src" + source +
           "; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace penstock::node
