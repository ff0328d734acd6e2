// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/metrics.hpp>
#include <penstock/core/value_text.hpp>

#include <algorithm>
#include <cmath>

namespace penstock::core {
namespace {

const char* name(MetricKind kind) {
    switch (kind) {
        case MetricKind::counter: return "counter";
        case MetricKind::gauge: return "gauge";
        case MetricKind::histogram: return "histogram";
    }
    return "untyped";
}

/// HELP texts escape all but the quote, label values the quote as well.
void append_metric_text(std::string& out, std::string_view text, bool quoted) {
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
        } else {
            if (c == '\\' || (quoted && c == '"')) out += '\\';
            out += c;
        }
    }
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += "=\"";
    append_metric_text(out, value, true);
    out += '"';
}

/// `le` is empty but for a histogram's bucket.
void append_labels(std::string& out, Labels labels, std::string_view le) {
    if (labels.size() == 0 && le.empty()) return;
    char before = '{';
    for (const auto& label : labels) {
        out += before;
        append_label(out, label.name.text(), label.value);
        before = ',';
    }
    if (!le.empty()) {
        out += before;
        append_label(out, "le", le);
    }
    out += '}';
}

void append_metric_value(std::string& out, double value) {
    if (std::isnan(value))
        out += "NaN";
    else if (std::isinf(value))
        out += value > 0 ? "+Inf" : "-Inf";
    else
        append_number(out, value);
}

template <class Number>
void append_metric_value(std::string& out, Number value) {
    append_number(out, value);
}

template <class Number>
void append_sample(std::string& out, std::string_view name, std::string_view suffix, Labels labels,
                   std::string_view le, Number value) {
    out += name;
    out += suffix;
    append_labels(out, labels, le);
    out += ' ';
    append_metric_value(out, value);
    out += '\n';
}

}  // namespace

Result<MetricName> MetricName::parse(std::string_view text) {
    if (!detail::is_metric_name(text, true))
        return fail(Error(Domain::settings, 1, "not the name of a metric: letters, digits, _ and :"));
    return MetricName(text);
}

MetricsText::Family::Family(MetricName name, MetricKind kind, std::string_view help)
    : name_(name.text()), kind_(kind) {
    text_.append("# HELP ").append(name_) += ' ';
    append_metric_text(text_, help, false);
    text_.append("\n# TYPE ").append(name_) += ' ';
    text_.append(core::name(kind)) += '\n';
}

void MetricsText::Family::sample(Labels labels, double value) {
    PENSTOCK_ASSERT(kind_ != MetricKind::histogram);
    append_sample(text_, name_, "", labels, "", value);
}
void MetricsText::Family::sample_signed(Labels labels, std::int64_t value) {
    PENSTOCK_ASSERT(kind_ != MetricKind::histogram);
    append_sample(text_, name_, "", labels, "", value);
}
void MetricsText::Family::sample_unsigned(Labels labels, std::uint64_t value) {
    PENSTOCK_ASSERT(kind_ != MetricKind::histogram);
    append_sample(text_, name_, "", labels, "", value);
}

void MetricsText::Family::sample(Labels labels, const HistogramCounts& counts, HistogramShape shape) {
    PENSTOCK_ASSERT(kind_ == MetricKind::histogram);
    const auto last = std::min(shape.last, HistogramCounts::bucket_count - 2);
    std::uint64_t below = 0;  // each bucket holds those before it as well
    std::string le;
    for (std::size_t at = 0; at <= last; ++at) {
        below += counts.buckets[at];
        if (at < shape.first) continue;
        le.clear();
        append_number(le, static_cast<double>(HistogramCounts::upper(at)) * shape.scale);
        append_sample(text_, name_, "_bucket", labels, le, below);
    }
    append_sample(text_, name_, "_bucket", labels, "+Inf", counts.count());
    append_sample(text_, name_, "_sum", labels, "", static_cast<double>(counts.sum) * shape.scale);
    append_sample(text_, name_, "_count", labels, "", counts.count());
}

MetricsText::Family& MetricsText::family(MetricName name, MetricKind kind, std::string_view help) {
    for (auto& family : families_) {
        if (family.name_ != name.text()) continue;
        PENSTOCK_ASSERT(family.kind_ == kind);
        return family;
    }
    return families_.emplace_back(Family(name, kind, help));
}

std::string MetricsText::text() const {
    std::string out;
    for (const auto& family : families_) out += family.text_;
    return out;
}

}  // namespace penstock::core
