// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/random.hpp>
#include <penstock/events/backend/simulated.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <support/pattern.hpp>

// What the scenarios share. Each draws its faults from its seed, some of them off: a bug that one fault hides
// may show under another.

namespace penstock::test {

inline events::Faults draw_faults(std::uint64_t seed) {
    core::SeededRandom random(seed ^ 0x5EED'FA17);
    const auto some = [&](double most) { return random.below(2) == 0 ? 0 : random.unit() * most; };
    constexpr std::chrono::nanoseconds delays[]{0us, 100us, 5ms, 200ms};
    events::Faults out;
    out.short_transfer = some(0.9);
    out.late = random.unit();
    out.reset = some(0.01);
    out.half_open = some(0.002);
    out.accept_failure = some(0.5);
    out.again = some(0.7);
    out.loss = some(0.4);
    out.duplicate = some(0.3);
    out.reorder = some(0.5);
    out.cut = some(0.2);
    out.delay_max = delays[random.below(std::size(delays))];
    return out;
}

/// Of connections nothing is lost then, only late.
inline events::Faults without_breaks(events::Faults faults) {
    faults.reset = faults.half_open = 0;
    return faults;
}

/// Something of the test's that crosses to a worker: one thread runs all.
template <class T>
struct Lent {
    T* at;
    T* operator->() const { return at; }
    T& operator*() const { return *at; }
    static constexpr bool sendable = true;
};
template <class T>
Lent<T> lent(T& object) {
    return {&object};
}

}  // namespace penstock::test
