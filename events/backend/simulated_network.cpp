// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/backend/simulated_backend.hpp>
#include <penstock/events/backend/simulated_network.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace penstock::events {
namespace {

bool is_same_ip(const Address& one, const Address& other) {
    return one.is_v4() == other.is_v4() && one.ip() == other.ip();
}

}  // namespace

bool SimulatedNetwork::is_any(const Address& address) { return address.ip() == decltype(address.ip()){}; }

// Machines.

int SimulatedNetwork::add_machine() {
    const auto number = machines_.size() + 1;
    PENSTOCK_ASSERT(number < 65'536);
    const auto high = static_cast<std::uint8_t>(number >> 8), low = static_cast<std::uint8_t>(number);
    std::array<std::uint8_t, 16> v6{};
    v6[0] = 0xFD;
    v6[14] = high;
    v6[15] = low;
    machines_.push_back({.v4 = Address::v4({10, 1, high, low}, 0), .v6 = Address::v6(v6, 0)});
    return static_cast<int>(machines_.size()) - 1;
}

Address SimulatedNetwork::address_of(int machine, bool is_v6) const {
    const auto& found = machines_.at(static_cast<std::size_t>(machine));
    return is_v6 ? found.v6 : found.v4;
}

int SimulatedNetwork::machine_at(const Address& address) const {
    for (std::size_t i = 0; i < machines_.size(); ++i)
        if (is_same_ip(machines_[i].v4, address) || is_same_ip(machines_[i].v6, address))
            return static_cast<int>(i);
    if (is_any(address) || address.is_loopback()) return -1;
    for (const auto& [port, bound] : ports_)
        for (const auto* endpoint : bound)
            if (is_same_ip(endpoint->local, address)) return endpoint->machine;
    return -1;
}

// Descriptors.

void SimulatedNetwork::shut(SimulatedEndpoint& endpoint, bool reset) {
    if (std::exchange(endpoint.is_shut, true)) return;
    unbind(endpoint);
    if (endpoint.kind == Descriptor::Kind::stream)
        return streams.shut(static_cast<SimulatedStream&>(endpoint), reset);
    if (endpoint.kind != Descriptor::Kind::listening) return;
    auto& listener = static_cast<SimulatedListener&>(endpoint);
    for (const auto& waiting : std::exchange(listener.backlog, {})) {
        shut(*waiting.stream, true);
        close_descriptor(waiting.stream->number);
    }
}

void SimulatedNetwork::close_descriptor(int number) noexcept {
    auto& endpoint = endpoints_.at(static_cast<std::size_t>(number));
    shut(*endpoint, false);
    endpoint.reset();
}

// Addresses.

Address SimulatedNetwork::source(int machine, const Address& to) const {
    if (to.is_loopback() || is_any(to)) return to.is_v6() ? Address("[::1]:0") : Address("127.0.0.1:0");
    return address_of(machine, to.is_v6());
}

std::uint16_t SimulatedNetwork::next_port(int machine) {
    auto& next = machines_.at(static_cast<std::size_t>(machine)).next_port;
    const auto out = next;
    next = next == ephemeral_last ? ephemeral_first : static_cast<std::uint16_t>(next + 1);
    return out;
}

bool SimulatedNetwork::is_free(const SimulatedEndpoint& endpoint, const Address& address,
                               bool shares_port) const {
    const auto found = ports_.find(Port(endpoint.kind, address.port()));
    if (found == ports_.end()) return true;
    const bool is_own = is_any(address) || address.is_loopback();
    return std::ranges::none_of(found->second, [&](const SimulatedEndpoint* there) {
        if (there->local.is_v4() != address.is_v4()) return false;
        if (there->machine != endpoint.machine) return !is_own && is_same_ip(there->local, address);
        const bool overlaps = is_same_ip(there->local, address) || is_any(address) || is_any(there->local);
        return overlaps && !(shares_port && there->shares_port);
    });
}

Result<void> SimulatedNetwork::bind(SimulatedEndpoint& endpoint, const Address& address, bool shares_port) {
    for (std::size_t i = 0; i < machines_.size(); ++i)
        if (static_cast<int>(i) != endpoint.machine &&
            (is_same_ip(machines_[i].v4, address) || is_same_ip(machines_[i].v6, address)))
            return fail(Error::os(EADDRNOTAVAIL, "bind"));
    auto local = address;
    for (int i = ephemeral_first; address.port() == 0; ++i) {
        local = address.with_port(next_port(endpoint.machine));
        if (is_free(endpoint, local, false)) break;
        if (i == ephemeral_last) return fail(Error::os(EADDRINUSE, "bind"));
    }
    if (!is_free(endpoint, local, shares_port)) return fail(Error::os(EADDRINUSE, "bind"));
    endpoint.local = local;
    endpoint.is_bound = true;
    endpoint.shares_port = shares_port;
    ports_[Port(endpoint.kind, local.port())].push_back(&endpoint);
    return {};
}

void SimulatedNetwork::unbind(SimulatedEndpoint& endpoint) {
    if (!std::exchange(endpoint.is_bound, false)) return;
    if (endpoint.kind == Descriptor::Kind::listening)
        if (const auto& path = static_cast<SimulatedListener&>(endpoint).path; !path.empty()) {
            paths_[path] = nullptr;
            if (path[0] == '@') paths_.erase(path);
            return;
        }
    const auto found = ports_.find(Port(endpoint.kind, endpoint.local.port()));
    std::erase(found->second, &endpoint);
    if (found->second.empty()) ports_.erase(found);
}

bool SimulatedNetwork::reaches(const SimulatedEndpoint& bound, int from_machine, const Address& to) const {
    if (bound.local.is_v4() != to.is_v4()) return false;
    const bool stays = to.is_loopback() || is_any(to);
    if (stays && bound.machine != from_machine) return false;
    if (!is_any(bound.local)) return is_same_ip(bound.local, is_any(to) ? source(from_machine, to) : to);
    return stays || is_same_ip(address_of(bound.machine, to.is_v6()), to);
}

std::vector<SimulatedEndpoint*> SimulatedNetwork::bound(Descriptor::Kind kind, int from_machine,
                                                        const Address& to) const {
    std::vector<SimulatedEndpoint*> exact, any;
    if (const auto found = ports_.find(Port(kind, to.port())); found != ports_.end())
        for (auto* endpoint : found->second)
            if (reaches(*endpoint, from_machine, to))
                (is_any(endpoint->local) ? any : exact).push_back(endpoint);
    return exact.empty() ? any : exact;
}

// Names.

namespace {

Result<void> check_path(const std::string& path) {
    constexpr std::size_t bytes_max = 107;
    if (path.empty() || path.find('\0') != std::string::npos)
        return fail(Error::os(EINVAL, "the path of a unix socket"));
    if (path.size() > bytes_max)
        return fail(Error::os(ENAMETOOLONG, "the path of a unix socket (107 bytes at most)"));
    return {};
}

}  // namespace

Result<void> SimulatedNetwork::bind_path(SimulatedListener& listener, const std::string& path) {
    if (auto checked = check_path(path); !checked) return checked;
    auto& there = paths_[path];
    if (there != nullptr) return fail(Error::os(EADDRINUSE, "bind"));
    there = &listener;
    listener.path = path;
    listener.is_bound = true;
    return {};
}

Result<SimulatedListener*> SimulatedNetwork::at_path(const std::string& path) const {
    if (auto checked = check_path(path); !checked) return fail(checked);
    const auto found = paths_.find(path);
    if (found == paths_.end()) return fail(Error::os(path[0] == '@' ? ECONNREFUSED : ENOENT, "connect"));
    if (found->second == nullptr) return fail(Error::os(ECONNREFUSED, "connect"));
    return found->second;
}

// Lines.

void SimulatedNetwork::cut(int one, int other) { cut_.insert(std::minmax(one, other)); }

void SimulatedNetwork::heal(int one, int other) {
    cut_.erase(std::minmax(one, other));
    each_stream([&](SimulatedStream& stream) {
        if (std::minmax(stream.machine, stream.other_machine) == std::minmax(one, other))
            streams.heal(stream);
    });
}

void SimulatedNetwork::reset(int machine) {
    each_stream([&](SimulatedStream& stream) {
        if (stream.machine == machine && stream.is_connected && !stream.is_unix) streams.break_off(stream);
    });
}

// Time.

void SimulatedNetwork::look(SimulatedEndpoint& endpoint) {
    if (endpoint.entry != nullptr) endpoint.entry->backend.look(*endpoint.entry);
}

void SimulatedNetwork::advance() {
    while (const auto number = agenda_.take(chance.now())) {
        auto* endpoint = find(*number);
        if (endpoint == nullptr) continue;
        if (endpoint->kind == Descriptor::Kind::stream)
            streams.look(static_cast<SimulatedStream&>(*endpoint));
        look(*endpoint);
    }
}

std::optional<TimePoint> SimulatedNetwork::next_event() {
    while (agenda_.next() && find(agenda_.first()) == nullptr) agenda_.take_first();
    return agenda_.next();
}

}  // namespace penstock::events
