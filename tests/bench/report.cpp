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

std::optional<double> ours_to(const Case& test, const Samples& samples, std::string_view against) {
    const auto ours = find(test, [](const Contestant& c) { return c.role == Role::ours; });
    const auto other = find(test, [against](const Contestant& c) { return c.name == against; });
    if (!ours || !other) return {};
    return samples.ratio(*ours, *other);
}

const char* word(Verdict verdict) {
    switch (verdict) {
        case Verdict::met: return "met";
        case Verdict::missed: return "missed";
        case Verdict::not_measured: return "not measured";
    }
    return "?";
}

std::string aim_text(const Case& test, const Samples& samples, const Aim& aim) {
    const auto ratio = ours_to(test, samples, aim.against);
    const std::string against(aim.against);
    const auto aimed = aim.ratio_max == 1.0 ? "ahead of " + against
                                            : text("at most %.2f of %s", aim.ratio_max, against.c_str());
    const auto was = ratio ? text(" (%.3f) ", *ratio) : std::string(" ");
    return aimed + was + word(judge(test, samples, aim));
}

std::string contestant_line(const Case& test, const Samples& samples, std::size_t i) {
    const auto& contestant = test.contestants[i];
    const std::string name(contestant.name);
    if (!samples.is_present(i))
        return text("  %-10s %s is not built: left out\n", name.c_str(),
                    std::string(contestant.binary).c_str());
    const auto us = samples.us(i), ratio = samples.ratio(i, 0), busy = samples.busy(i);
    const auto spread = samples.spread(i);
    if (!us || !spread || !busy) return text("  %-10s no slice that counts\n", name.c_str());
    return text("  %-10s %9.3f %9.3f %9.3f %9s %6.2f\n", name.c_str(), *us, spread->least, spread->most,
                ratio ? text("%.3f", *ratio).c_str() : "-", *busy);
}

std::string placement_text(const Samples& samples) {
    if (samples.is_far())
        return text("FAR: %d rounds were near throughout, all %d slices are used", samples.near_rounds(),
                    samples.slices_taken());
    return text("near, %d of %d slices dropped", samples.slices_dropped(), samples.slices_taken());
}

}  // namespace

Verdict judge(const Case& test, const Samples& samples, const Aim& aim) {
    const auto ratio = ours_to(test, samples, aim.against);
    if (!ratio) return Verdict::not_measured;
    const bool met = aim.ratio_max == 1.0 ? *ratio < 1.0 : *ratio <= aim.ratio_max;
    return met ? Verdict::met : Verdict::missed;
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
        out += text("%s: CPU of the server in us a %s, %d connections, %d rounds, %s\n", test.title().c_str(),
                    std::string(test.unit).c_str(), test.connections, samples.rounds(),
                    placement_text(samples).c_str());
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
    auto out = text("%-18s", test.title().c_str());
    if (outcome.failed) return out + " failed\n";
    if (!outcome.samples) return out + " not timed\n";
    const auto& samples = *outcome.samples;
    for (const auto role : {Role::ours, Role::floor, Role::peer})
        for (std::size_t i = 0; i < test.contestants.size(); ++i) {
            if (test.contestants[i].role != role) continue;
            const auto us = samples.us(i);
            out += " " + std::string(test.contestants[i].name) + (us ? text(" %.3f", *us) : " -");
        }
    const auto ratio = ours_to(test, samples, test.contestants.front().name);
    out += " | ratio " + (ratio ? text("%.3f", *ratio) : std::string("-")) + " |";
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
