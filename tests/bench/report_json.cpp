// SPDX-License-Identifier: Apache-2.0
#include <bench/report.hpp>
#include <bench/text.hpp>

namespace penstock::bench {
namespace {

/// Our own names and the kernel's: quotes, backslashes and controls are left out, not escaped.
std::string quoted(std::string_view name) {
    std::string out = "\"";
    for (const char c : name)
        if (c >= ' ' && c != '"' && c != '\\') out += c;
    return out + "\"";
}

std::string number(std::optional<double> value) { return value ? text("%.6g", *value) : "null"; }
const char* boolean(bool value) { return value ? "true" : "false"; }

std::string slices_json(const Samples& samples, std::size_t i) {
    std::string out = "[";
    for (const auto& slice : samples.slices(i)) {
        out += text("%s{\"round\":%d,\"value\":%.6g,\"near\":%s", out.size() > 1 ? "," : "", slice.round,
                    slice.value, boolean(slice.near));
        if (slice.busy) out += text(",\"busy\":%.4g", *slice.busy);
        for (std::size_t figure = 0; figure < slice.figures.size(); ++figure)
            out += text("%s%.6g", figure == 0 ? ",\"figures\":[" : ",", slice.figures[figure]);
        out += slice.figures.empty() ? "}" : "]}";
    }
    return out + "]";
}

std::string contestant_json(const Outcome& outcome, std::size_t i) {
    const auto& contestant = outcome.test->contestants[i];
    auto out = "{\"name\":" + quoted(contestant.name);
    if (outcome.samples) {
        const auto& samples = *outcome.samples;
        out += text(",\"built\":%s", boolean(samples.is_present(i)));
        out += ",\"value\":" + number(samples.value(i)) +
               ",\"to_floor\":" + number(to_floor(*outcome.test, samples, i)) +
               ",\"busy\":" + number(samples.busy(i)) + ",\"slices\":" + slices_json(samples, i);
    }
    if (i < outcome.instructions.size() && outcome.instructions[i])
        out += text(",\"instructions\":%.6g", outcome.instructions[i]->per_reply);
    return out + "}";
}

std::string aim_json(const Case& test, const Samples& samples, const Aim& aim) {
    const auto verdict = judge(test, samples, aim);
    return "{\"against\":" + (aim.against.empty() ? "null" : quoted(aim.against)) +
           text(",\"max\":%.4g", aim.max) +
           ",\"met\":" + (verdict == Verdict::not_measured ? "null" : boolean(verdict == Verdict::met)) + "}";
}

/// What is measured, and in which unit; the figures by name, where the value is their sum.
std::string measure_json(const Case& test) {
    auto out = ",\"measured\":" + quoted(test.measured()) + ",\"in\":" + quoted(test.measured_in());
    if (const auto* traffic = test.traffic())
        out += text(",\"connections\":%d,\"depth\":%d", traffic->connections, traffic->depth);
    if (const auto* own = std::get_if<OwnTime>(&test.measure))
        for (const auto& figure : own->figures)
            out += (&figure == own->figures.data() ? ",\"figures\":[" : ",") + quoted(figure) +
                   (&figure == &own->figures.back() ? "]" : "");
    return out;
}

std::string case_json(const Outcome& outcome) {
    const auto& test = *outcome.test;
    auto out = "{\"case\":" + quoted(test.title()) + ",\"unit\":" + quoted(test.unit) + measure_json(test);
    out += text(",\"failed\":%s", boolean(outcome.failed));
    if (outcome.samples) {
        const auto& samples = *outcome.samples;
        out += text(",\"far\":%s,\"slices_taken\":%d,\"slices_dropped\":%d,\"aims\":[",
                    boolean(samples.is_far()), samples.slices_taken(), samples.slices_dropped());
        for (const auto& aim : test.aims)
            out += (&aim == test.aims.data() ? "" : ",") + aim_json(test, samples, aim);
        out += "]";
    }
    out += ",\"contestants\":[";
    for (std::size_t i = 0; i < test.contestants.size(); ++i)
        out += (i == 0 ? "" : ",\n  ") + contestant_json(outcome, i);
    return out + "]}";
}

}  // namespace

std::string json_text(std::string_view host, const std::vector<Outcome>& outcomes) {
    auto out = "{\"host\":" + quoted(host) + ",\"cases\":[\n ";
    for (const auto& outcome : outcomes)
        out += (&outcome == outcomes.data() ? "" : ",\n ") + case_json(outcome);
    return out + "\n]}\n";
}

}  // namespace penstock::bench
