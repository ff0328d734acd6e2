// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <bench/report.hpp>
#include <bench/text.hpp>

namespace penstock::bench {
namespace {

std::optional<std::size_t> find(const Case& test, auto matches) {
    const auto at = std::find_if(test.contestants.begin(), test.contestants.end(), matches);
    if (at == test.contestants.end()) return {};
    return static_cast<std::size_t>(at - test.contestants.begin());
}

std::optional<std::size_t> find(const Case& test, Role role) {
    return find(test, [role](const Contestant& c) { return c.role == role; });
}

/// What is held against the aim: a ratio, or ours itself.
std::optional<double> held_against(const Case& test, const Samples& samples, const Aim& aim) {
    const auto ours = find(test, Role::ours);
    if (!ours) return {};
    if (aim.against.empty()) return samples.value(*ours);
    const auto other = find(test, [&aim](const Contestant& c) { return c.name == aim.against; });
    if (!other) return {};
    return samples.ratio(*ours, *other);
}

std::string ratio_text(std::optional<double> ratio) { return ratio ? text("%.3f", *ratio) : "-"; }

const char* word(Verdict verdict) {
    switch (verdict) {
        case Verdict::met: return "met";
        case Verdict::missed: return "missed";
        case Verdict::not_measured: return "not measured";
    }
    return "?";
}

bool is_ahead(const Aim& aim) { return !aim.against.empty() && aim.max == 1.0; }

std::string aim_words(const Case& test, const Aim& aim) {
    if (!aim.words.empty()) return std::string(aim.words);
    const std::string against(aim.against);
    if (against.empty()) return text("at most %g %s", aim.max, test.measured_in());
    return is_ahead(aim) ? "ahead of " + against : text("at most %.2f of %s", aim.max, against.c_str());
}

std::string aim_text(const Case& test, const Samples& samples, const Aim& aim) {
    const auto was = held_against(test, samples, aim);
    return aim_words(test, aim) + (was ? text(" (%.3f) ", *was) : std::string(" ")) +
           word(judge(test, samples, aim));
}

/// Empty where the value is not the sum of several.
std::string figures_text(const Case& test, const Samples& samples, std::size_t i) {
    const auto* own = std::get_if<OwnTime>(&test.measure);
    std::string out;
    if (own == nullptr || own->figures.size() < 2) return out;
    for (std::size_t figure = 0; figure < own->figures.size(); ++figure)
        if (const auto time = samples.figure(i, figure))
            out += text("%s%s %.3f", out.empty() ? "  " : " + ", own->figures[figure].c_str(), *time);
    return out;
}

std::string contestant_line(const Case& test, const Samples& samples, std::size_t i) {
    const auto& contestant = test.contestants[i];
    const std::string name(contestant.name);
    if (!samples.is_present(i))
        return text("  %-10s %s is not built: left out\n", name.c_str(),
                    std::string(contestant.binary).c_str());
    const auto value = samples.value(i), busy = samples.busy(i);
    const auto spread = samples.spread(i);
    if (!value || !spread) return text("  %-10s no slice that counts\n", name.c_str());
    return text("  %-10s %9.3f %9.3f %9.3f %9s %6s", name.c_str(), *value, spread->least, spread->most,
                ratio_text(to_floor(test, samples, i)).c_str(), busy ? text("%.2f", *busy).c_str() : "-") +
           figures_text(test, samples, i) + "\n";
}

std::string placement_text(const Case& test, const Samples& samples) {
    if (!test.crosses_cores()) return text("%d slices", samples.slices_taken());
    if (samples.is_far())
        return text("FAR: %d rounds were near throughout, all %d slices are used", samples.near_rounds(),
                    samples.slices_taken());
    return text("near, %d of %d slices dropped", samples.slices_dropped(), samples.slices_taken());
}

}  // namespace

std::optional<double> to_floor(const Case& test, const Samples& samples, std::size_t contestant) {
    const auto floor = find(test, Role::floor);
    if (!floor) return {};
    return samples.ratio(contestant, *floor);
}

Verdict judge(const Case& test, const Samples& samples, const Aim& aim) {
    const auto was = held_against(test, samples, aim);
    if (!was) return Verdict::not_measured;
    return (is_ahead(aim) ? *was < 1.0 : *was <= aim.max) ? Verdict::met : Verdict::missed;
}

Verdict judge(const Case& test, const Samples& samples) {
    auto out = test.aims.empty() ? Verdict::not_measured : Verdict::met;
    for (const auto& aim : test.aims) {
        const auto verdict = judge(test, samples, aim);
        if (verdict == Verdict::missed) return verdict;
        if (verdict == Verdict::not_measured) out = verdict;
    }
    return out;
}

std::string details_text(const Outcome& outcome) {
    const auto& test = *outcome.test;
    std::string out;
    if (outcome.samples) {
        const auto& samples = *outcome.samples;
        out += text("%s: %s, %d rounds, %s\n", test.title().c_str(), test.measured().c_str(),
                    samples.rounds(), placement_text(test, samples).c_str());
        out += text("  %-10s %9s %9s %9s %9s %6s\n", "", "median", "least", "most", "to floor", "busy");
        for (std::size_t i = 0; i < test.contestants.size(); ++i) out += contestant_line(test, samples, i);
    }
    for (std::size_t i = 0; i < outcome.instructions.size(); ++i)
        if (const auto& counted = outcome.instructions[i])
            out += text("  %-10s %9.0f user instructions a %s (start: %.1f M)\n",
                        std::string(test.contestants[i].name).c_str(), counted->per_reply,
                        std::string(test.unit).c_str(), static_cast<double>(counted->start) / 1e6);
    return out;
}

std::string row_text(const Outcome& outcome) {
    const auto& test = *outcome.test;
    auto out = text("%-22s", test.title().c_str());
    if (outcome.failed) return out + " failed\n";
    if (!outcome.samples) return out + " not timed\n";
    const auto& samples = *outcome.samples;
    for (const auto role : {Role::ours, Role::floor, Role::peer})
        for (std::size_t i = 0; i < test.contestants.size(); ++i) {
            if (test.contestants[i].role != role) continue;
            const auto value = samples.value(i);
            out += " " + std::string(test.contestants[i].name) + (value ? text(" %.3f", *value) : " -");
        }
    const auto ours = find(test, Role::ours);
    const auto ratio = ours ? to_floor(test, samples, *ours) : std::nullopt;
    out += " | ratio " + ratio_text(ratio) + " |";
    for (std::size_t i = 0; i < test.aims.size(); ++i)
        out += (i == 0 ? " " : ", ") + aim_text(test, samples, test.aims[i]);
    out += std::string(" | ") + word(judge(test, samples)) + (samples.is_far() ? " (far)" : "");
    return out + "\n";
}

std::string summary_text(std::string_view what, const std::vector<Outcome>& outcomes) {
    int met = 0, missed = 0, not_measured = 0, failed = 0;
    for (const auto& outcome : outcomes) {
        const auto verdict = outcome.samples ? judge(*outcome.test, *outcome.samples) : Verdict::not_measured;
        if (outcome.failed)
            ++failed;
        else if (verdict == Verdict::met)
            ++met;
        else if (verdict == Verdict::missed)
            ++missed;
        else
            ++not_measured;
    }
    auto out = text("bench %s: %zu case%s, %d met, %d missed", std::string(what).c_str(), outcomes.size(),
                    outcomes.size() == 1 ? "" : "s", met, missed);
    if (not_measured > 0) out += text(", %d not measured", not_measured);
    if (failed > 0) out += text(", %d failed", failed);
    return out + "\n";
}

}  // namespace penstock::bench
