// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <doctest/doctest.h>
#include <events/backend/rig.hpp>

using namespace penstock::events;

namespace penstock::test {

// A side.

void Side::turn(std::chrono::nanoseconds at_most) {
    backend_->wait(backend_->has_ready() ? 0ns : at_most);
    dispatch();
    backend_->free_closed();
}

void Side::dispatch() {
    CHECK(!is_dispatching_);
    is_dispatching_ = true;
    backend_->dispatch(*this);
    is_dispatching_ = false;
}

template <class F>
void Side::tell(Entry& entry, F f) {
    CHECK_MESSAGE(is_dispatching_, "told outside of dispatch()");
    CHECK_MESSAGE(!is_telling_, "told inside of another callback");
    ++told_;
    auto* const owner = entry.owner();
    CHECK_MESSAGE(owner != nullptr, "told of a closed entry");
    if (owner == nullptr) return;
    is_telling_ = true;
    f(*owner);
    is_telling_ = false;
}

void Side::accepted(Entry& entry, Descriptor descriptor, const Address& peer) {
    tell(entry, [&](EntryOwner& owner) { owner.on_accepted(std::move(descriptor), peer); });
}
void Side::accept_failed(Entry& entry, Error error) {
    tell(entry, [&](EntryOwner& owner) { owner.on_accept_failed(error); });
}
void Side::received(Entry& entry, Slice slice) {
    tell(entry, [&](EntryOwner& owner) { owner.on_received(std::move(slice)); });
}
void Side::receive_end(Entry& entry) {
    tell(entry, [](EntryOwner& owner) { owner.on_receive_end(); });
}
void Side::receive_failed(Entry& entry, Error error) {
    tell(entry, [&](EntryOwner& owner) { owner.on_receive_failed(error); });
}
void Side::datagrams(Entry& entry, std::span<Datagram> datagrams) {
    tell(entry, [&](EntryOwner& owner) { owner.on_datagrams(datagrams); });
}
void Side::settled(Entry& entry) {
    tell(entry, [](EntryOwner& owner) { owner.on_settled(); });
}
void Side::ready(Entry& entry, Interest interest) {
    tell(entry, [&](EntryOwner& owner) { owner.on_ready(interest); });
}

void Side::completed(Entry& entry, Operation& operation) {
    if (entry.owner() != nullptr)
        return tell(entry, [&](EntryOwner& owner) { owner.on_completed(operation); });
    CHECK_MESSAGE(is_dispatching_, "told outside of dispatch()");
    auto& cut = static_cast<Tracked&>(operation);
    CHECK(++cut.completions == 1);
    cut.is_swallowed = true;
    ++told_;
    ++swallowed_;
}

// A rig.

Rig::Rig(std::unique_ptr<World> world, std::unique_ptr<Backend> first, std::unique_ptr<Backend> second)
    : world_(std::move(world)) {
    sides_.emplace_back(std::move(first));
    sides_.emplace_back(std::move(second));
}

Rig::~Rig() {
    for (auto& socket : sockets_) socket.close();
    for (auto& side : sides_) {
        side.backend().free_closed();
        side.backend().stop();
    }
}

bool Rig::can(Capability what) {
    static constexpr const char* names[] = {"datagrams", "unix sockets", "a wait that blocks",
                                            "descriptors of the system"};
    if (world_->can(what)) return true;
    is_skipped_ = true;
    MESSAGE("skipped: here are no " << std::string(names[static_cast<std::size_t>(what)]));
    return false;
}

bool Rig::turn(std::chrono::nanoseconds at_most) {
    std::size_t before = 0, after = 0;
    for (const auto& side : sides_) before += side.told();
    if (std::ranges::none_of(sides_, [](Side& side) { return side.backend().has_ready(); }))
        world_->pass(std::max<std::chrono::nanoseconds>(at_most, 1ms));
    for (auto& side : sides_) side.turn(at_most);
    for (const auto& side : sides_) after += side.told();
    return after != before;
}

void Rig::rest() {
    constexpr std::size_t rounds_max = 100'000;
    const std::size_t idle_enough = world_->is_seeded() ? 60 : 6;  // what is late may be late again
    std::size_t idle = 0;
    for (std::size_t round = 0; round < rounds_max && idle < idle_enough; ++round)
        idle = turn(idle < 3 ? 0ns : 1ms) ? 0 : idle + 1;
}

Socket& Rig::enter(std::size_t side, Descriptor descriptor) {
    auto& out = sockets_.emplace_back(*this, sides_[side]);
    out.enter(std::move(descriptor));
    return out;
}

Socket& Rig::listen(std::size_t side, ListenOptions options) {
    auto opened = backend(side).open_listening(local(side), options);
    REQUIRE(opened);
    auto& out = enter(side, std::move(*opened));
    out.arm_accept();
    return out;
}

Socket& Rig::stream(std::size_t side, const Address& peer) {
    auto opened = backend(side).open_stream(peer);
    REQUIRE(opened);
    return enter(side, std::move(*opened));
}

Socket& Rig::datagram(std::size_t side, DatagramOptions options) {
    auto opened = backend(side).open_datagram(local(side), options);
    REQUIRE(opened);
    return enter(side, std::move(*opened));
}

Address Rig::address(const Socket& socket) {
    const auto out = socket.backend().local_address(socket.entry());
    REQUIRE(out);
    return *out;
}

std::pair<Socket&, Socket&> Rig::connected(std::size_t from, std::size_t to) {
    auto& listening = listen(to);
    auto& client = stream(from, address(listening));
    auto& connecting = client.connect(address(listening));
    REQUIRE(until([&] { return connecting.is_done() && !listening.accepted.empty(); }));
    REQUIRE(!connecting.done.error);
    auto& server = enter(to, std::move(listening.accepted.front()));
    listening.close();
    return {client, server};
}

std::pair<std::size_t, Tracked*> Rig::fill(Socket& socket) {
    constexpr std::size_t much = 8 * 1024 * 1024;
    std::size_t taken = 0;
    for (int i = 0; i < 100; ++i) {
        auto& sending = socket.send(bulk(much, taken));
        if (!sending.is_done()) rest();
        if (!sending.is_done()) return {taken, &sending};
        taken += sending.done.bytes;
    }
    FAIL("the system takes everything");
    return {};
}

Tracked& Rig::operation(Operation::Kind kind) {
    auto& out = operations_.emplace_back();
    out.kind = kind;
    return out;
}

void Rig::end() {
    for (auto& socket : sockets_) socket.close();
    auto is_over = [](const Tracked& operation) { return !operation.is_submitted || operation.is_done(); };
    CHECK(until([&] { return std::ranges::all_of(operations_, is_over); }));
}

// Bytes.

namespace {

constexpr std::size_t period = 16'381;  // a prime, shorter than a slab

const std::string& pattern() {
    static const std::string out = [] {
        std::string made(period, '\0');
        for (std::size_t i = 0; i < period; ++i) made[i] = static_cast<char>(i * 2'654'435'761u >> 13);
        return made;
    }();
    return out;
}

}  // namespace

std::string text(std::size_t size, std::size_t from) {
    std::string out;
    out.reserve(size);
    while (out.size() < size)
        out.append(pattern(), (from + out.size()) % period,
                   std::min(size - out.size(), period - (from + out.size()) % period));
    return out;
}

Chain pieces(std::size_t size, std::size_t piece, std::size_t from) {
    Chain out;
    while (out.size() < size) {
        const auto count = std::min(piece, size - out.size());
        out.append(Slice::copy(text(count, from + out.size())));
    }
    return out;
}

Chain bulk(std::size_t size, std::size_t from) {
    const auto one = Slice::copy(pattern());
    Chain out;
    while (out.size() < size) {
        const auto at = (from + out.size()) % period;
        out.append(one.share(at, std::min(size - out.size(), period - at)));
    }
    return out;
}

}  // namespace penstock::test
