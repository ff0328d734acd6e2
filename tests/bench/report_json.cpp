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
    for (const auto& slice : samples.slices(i))
        out += text("%s{\"round\":%d,\"us\":%.6g,\"busy\":%.4g,\"near\":%s}", out.size() > 1 ? "," : "",
                    slice.round, slice.us, slice.busy, boolean(slice.near));
    return out + "]";
}

std::string contestant_json(const Outcome& outcome, std::size_t i) {
    const auto& contestant = outcome.test->contestants[i];
    auto out = "{\"name\":" + quoted(contestant.name);
    if (outcome.samples) {
        const auto& samples = *outcome.samples;
        out += text(",\"built\":%s", boolean(samples.is_present(i)));
        out += ",\"us\":" + number(samples.us(i)) + ",\"to_floor\":" + number(samples.ratio(i, 0)) +
               ",\"busy\":" + number(samples.busy(i)) + ",\"slices\":" + slices_json(samples, i);
    }
    if (i < outcome.instructions.size() && outcome.instructions[i])
        out += text(",\"instructions\":%.6g", outcome.instructions[i]->per_reply);
    return out + "}";
}

std::string case_json(const Outcome& outcome) {
    const auto& test = *outcome.test;
    auto out = "{\"case\":" + quoted(test.title()) + ",\"unit\":" + quoted(test.unit);
    out += text(",\"failed\":%s,\"connections\":%d,\"depth\":%d", boolean(outcome.failed), test.connections,
                test.depth);
    if (outcome.samples) {
        const auto& samples = *outcome.samples;
        out += text(",\"far\":%s,\"slices_taken\":%d,\"slices_dropped\":%d,\"aims\":[",
                    boolean(samples.is_far()), samples.slices_taken(), samples.slices_dropped());
        for (const auto& aim : test.aims) {
            const auto verdict = judge(test, samples, aim);
            out +=
                (&aim == test.aims.data() ? "" : ",") +
                ("{\"against\":" + quoted(aim.against) + text(",\"ratio_max\":%.4g", aim.ratio_max)) +
                ",\"met\":" + (verdict == Verdict::not_measured ? "null" : boolean(verdict == Verdict::met)) +
                "}";
        }
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
