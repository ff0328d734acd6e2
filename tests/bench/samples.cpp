// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <bench/samples.hpp>

namespace penstock::bench {

std::optional<double> median(std::vector<double> values) {
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    if (values.size() % 2 == 1) return values[middle];
    return (values[middle - 1] + values[middle]) / 2;
}

int Samples::rounds() const {
    int out = 0;
    for (const auto& column : columns_)
        for (const auto& slice : column.slices) out = std::max(out, slice.round + 1);
    return out;
}

int Samples::near_rounds() const {
    int out = 0;
    for (int round = 0; round < rounds(); ++round)
        out += std::all_of(columns_.begin(), columns_.end(), [round](const Column& column) {
            return !column.present ||
                   std::any_of(column.slices.begin(), column.slices.end(),
                               [round](const Slice& slice) { return slice.round == round && slice.near; });
        });
    return out;
}

bool Samples::is_far() const { return near_rounds() < std::min(near_rounds_min, rounds_wanted_); }

int Samples::slices_taken() const {
    std::size_t out = 0;
    for (const auto& column : columns_) out += column.slices.size();
    return static_cast<int>(out);
}

int Samples::slices_dropped() const {
    if (is_far()) return 0;
    std::ptrdiff_t out = 0;
    for (const auto& column : columns_)
        out += std::count_if(column.slices.begin(), column.slices.end(),
                             [](const Slice& slice) { return !slice.near; });
    return static_cast<int>(out);
}

std::optional<double> Samples::value(std::size_t contestant, int round) const {
    std::vector<double> values;
    for (const auto& slice : columns_[contestant].slices)
        if (slice.round == round && counts(slice)) values.push_back(slice.value);
    return median(std::move(values));
}

std::vector<double> Samples::round_values(std::size_t contestant) const {
    std::vector<double> out;
    for (int round = 0; round < rounds(); ++round)
        if (const auto found = value(contestant, round)) out.push_back(*found);
    return out;
}

std::optional<double> Samples::value(std::size_t contestant) const {
    return median(round_values(contestant));
}

std::optional<double> Samples::ratio(std::size_t contestant, std::size_t to) const {
    std::vector<double> ratios;
    for (int round = 0; round < rounds(); ++round) {
        const auto above = value(contestant, round), below = value(to, round);
        if (above && below) ratios.push_back(*above / *below);
    }
    return median(std::move(ratios));
}

template <class Get>
std::optional<double> Samples::median_of(std::size_t contestant, Get get) const {
    std::vector<double> values;
    for (const auto& slice : columns_[contestant].slices)
        if (const std::optional<double> got = counts(slice) ? get(slice) : std::nullopt)
            values.push_back(*got);
    return median(std::move(values));
}

std::optional<double> Samples::busy(std::size_t contestant) const {
    return median_of(contestant, [](const Slice& slice) { return slice.busy; });
}

std::optional<double> Samples::figure(std::size_t contestant, std::size_t figure) const {
    return median_of(contestant, [figure](const Slice& slice) -> std::optional<double> {
        if (figure >= slice.figures.size()) return {};
        return slice.figures[figure];
    });
}

std::optional<Samples::Spread> Samples::spread(std::size_t contestant) const {
    const auto values = round_values(contestant);
    if (values.empty()) return {};
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    return Spread{*least, *most};
}

}  // namespace penstock::bench
