// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/counter.hpp>
#include <penstock/core/result.hpp>

#include <concepts>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace penstock::core {

namespace detail {
constexpr bool is_metric_name(std::string_view text, bool colons) {
    if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
    for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9') && !(c == ':' && colons)) return false;
    }
    return true;
}
}  // namespace detail

/// `penstock_http_requests_total`: letters, digits, `_` and `:`. A view; a literal is checked at compile
/// time.
class MetricName {
public:
    template <std::size_t N>
    consteval MetricName(const char (&text)[N]) : text_(text, N - 1) {
        if (!detail::is_metric_name(text_, true)) throw "not the name of a metric";
    }
    static Result<MetricName> parse(std::string_view text);
    constexpr std::string_view text() const { return text_; }

private:
    constexpr explicit MetricName(std::string_view text) : text_(text) {}
    std::string_view text_;
};

/// Likewise without `:`; `le` is the histograms' own, and names that begin with `__` are Prometheus's.
class LabelName {
public:
    template <std::size_t N>
    consteval LabelName(const char (&text)[N]) : text_(text, N - 1) {
        if (!detail::is_metric_name(text_, false) || text_ == "le" || text_.starts_with("__"))
            throw "not the name of a label";
    }
    constexpr std::string_view text() const { return text_; }

private:
    std::string_view text_;
};

struct Label {
    LabelName name;
    std::string_view value;  ///< any text
};
using Labels = std::initializer_list<Label>;

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

/// The buckets of a histogram that are shown, and what its values are multiplied with: nanoseconds become
/// seconds by 1e-9. Below `first` they are added to it, above `last` to +Inf.
struct HistogramShape {
    double scale = 1;
    std::size_t first = 0, last = HistogramCounts::bucket_count - 2;
};
/// Nanoseconds from 1 us to 17 s, shown in seconds.
inline constexpr HistogramShape latency_shape{1e-9, 10, 34};

/// Writes the text form of Prometheus, version 0.0.4 (served as `text/plain; version=0.0.4`).
///
///     MetricsText text;
///     auto& requests = text.family("penstock_requests_total", MetricKind::counter, "requests answered");
///     requests.sample({{"worker", "0"}}, worker_0.value());
///
/// A family is written once, with its HELP and TYPE and all its samples, however often it is named. Thread:
/// one at a time.
class MetricsText {
public:
    class Family {
    public:
        void sample(Labels labels, double value);
        void sample(Labels labels, std::integral auto value) {
            if constexpr (std::is_signed_v<decltype(value)>)
                sample_signed(labels, static_cast<std::int64_t>(value));
            else
                sample_unsigned(labels, static_cast<std::uint64_t>(value));
        }
        void sample(Labels labels, const HistogramCounts& counts, HistogramShape shape = {});

    private:
        friend class MetricsText;
        Family(MetricName name, MetricKind kind, std::string_view help);
        void sample_signed(Labels labels, std::int64_t value);
        void sample_unsigned(Labels labels, std::uint64_t value);

        std::string name_;
        MetricKind kind_;
        std::string text_;
    };

    /// The reference is valid as long as this object. Requires one kind per name.
    Family& family(MetricName name, MetricKind kind, std::string_view help);

    std::string text() const;

private:
    std::deque<Family> families_;
};

}  // namespace penstock::core
