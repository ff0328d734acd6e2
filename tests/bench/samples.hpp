// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

// Statistics on slices: pure, no clocks. A slice is near when the cores were near before and after it.

namespace penstock::bench {

struct Slice {
    int round = 0;
    double value = 0;  ///< in what the case is measured in
    /// Of a server under load: its CPU by time passed; clearly below 1, the load was the slower side.
    std::optional<double> busy = {};
    bool near = false;
    std::vector<double> figures = {};  ///< what `value` is the sum of, in the case's order; may be empty
};

/// One contestant's slices, in the order of the case's table. `present` is false when it is not built.
struct Column {
    bool present = false;
    std::vector<Slice> slices;
};

/// Rounds in which all contestants were near before near slices alone are reported.
inline constexpr int near_rounds_min = 3;

/// All that was measured of a case. Near slices alone count when enough rounds have them for every
/// contestant; else the host is far: all slices count, and the report says so.
class Samples {
public:
    Samples(std::size_t contestants, int rounds_wanted)
        : columns_(contestants), rounds_wanted_(rounds_wanted) {}

    void set_present(std::size_t contestant) { columns_[contestant].present = true; }
    void add(std::size_t contestant, Slice slice) { columns_[contestant].slices.push_back(std::move(slice)); }

    bool is_present(std::size_t contestant) const { return columns_[contestant].present; }
    std::span<const Slice> slices(std::size_t contestant) const { return columns_[contestant].slices; }
    /// Rounds in which each contestant has a near slice.
    int near_rounds() const;
    bool is_far() const;
    int rounds() const;
    int slices_taken() const;
    int slices_dropped() const;  ///< 0 when far: then none is

    /// The median of a contestant's slices that count, of one round.
    std::optional<double> value(std::size_t contestant, int round) const;
    /// The median over rounds; all rounds that count for it.
    std::optional<double> value(std::size_t contestant) const;
    /// The median over rounds of the ratio within the round.
    std::optional<double> ratio(std::size_t contestant, std::size_t to) const;
    std::optional<double> busy(std::size_t contestant) const;
    /// The median of one of its figures.
    std::optional<double> figure(std::size_t contestant, std::size_t figure) const;
    struct Spread {
        double least, most;
    };
    /// Of the rounds' medians.
    std::optional<Spread> spread(std::size_t contestant) const;

private:
    bool counts(const Slice& slice) const { return slice.near || is_far(); }
    /// Of the slices that count and have what is asked for.
    template <class Get>
    std::optional<double> median_of(std::size_t contestant, Get get) const;
    std::vector<double> round_values(std::size_t contestant) const;

    std::vector<Column> columns_;
    int rounds_wanted_;
};

/// Empty for no values; the mean of the middle two for an even count.
std::optional<double> median(std::vector<double> values);

}  // namespace penstock::bench
