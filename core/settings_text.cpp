// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/json.hpp>
#include <penstock/core/settings_text.hpp>
#include <penstock/core/value_text.hpp>

#include <charconv>
#include <limits>
#include <span>

namespace penstock::core {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t size;
};
constexpr Unit byte_units[] = {
    {"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"TiB", std::uint64_t(1) << 40}};
constexpr Unit time_units[] = {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};

std::string with_unit(std::uint64_t count, std::span<const Unit> units) {
    const Unit* best = units.data();
    for (const auto& unit : units)
        if (count != 0 && count % unit.size == 0) best = &unit;
    std::string out = std::to_string(count / best->size);
    return out += best->name;
}

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units, std::uint64_t most) {
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc()) return {};
    const auto name = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const auto& unit : units)
        if (unit.name == name && count <= most / unit.size) return count * unit.size;
    return {};
}

struct TomlAppender {
    std::string& out;

    void operator()(bool value) const { out += value ? "true" : "false"; }
    void operator()(std::uint32_t value) const { append_number(out, std::uint64_t(value)); }
    void operator()(double value) const { append_number(out, value); }
    void operator()(ByteSize value) const { quoted(core::text(value)); }
    void operator()(Milliseconds value) const { quoted(core::text(value)); }
    void operator()(const std::string& value) const { append_json_text(out, value); }
    void operator()(const std::vector<std::string>& value) const {
        out += '[';
        for (const auto& text : value) {
            if (&text != value.data()) out += ", ";
            append_json_text(out, text);
        }
        out += ']';
    }
    void quoted(const std::string& text) const { out.append(1, '"').append(text) += '"'; }
};

std::string limit_text(SettingKind kind, std::uint64_t whole, double real) {
    std::string out;
    switch (kind) {
        case SettingKind::boolean: return whole != 0 ? "true" : "false";
        case SettingKind::count: return std::to_string(whole);
        case SettingKind::real: append_number(out, real); return out;
        case SettingKind::bytes: return text(ByteSize(whole));
        case SettingKind::duration: return text(Milliseconds(static_cast<std::int64_t>(whole)));
        case SettingKind::text: return std::to_string(whole) + (whole == 1 ? " byte" : " bytes");
        case SettingKind::texts: return std::to_string(whole) + (whole == 1 ? " entry" : " entries");
    }
    return out;
}

}  // namespace

std::string text(ByteSize size) { return with_unit(size, byte_units); }

std::string text(Milliseconds duration) {
    if (duration.count() >= 0) return with_unit(static_cast<std::uint64_t>(duration.count()), time_units);
    return '-' + with_unit(0 - static_cast<std::uint64_t>(duration.count()), time_units);
}

Result<ByteSize> parse_byte_size(std::string_view text) {
    if (const auto bytes = parse(text, byte_units, std::numeric_limits<std::uint64_t>::max())) return *bytes;
    return fail(Error(Domain::settings, 1, "not a size: write \"64KiB\" (B, KiB, MiB, GiB, TiB)"));
}

Result<Milliseconds> parse_milliseconds(std::string_view text) {
    if (const auto count = parse(text, time_units, std::numeric_limits<std::int64_t>::max()))
        return Milliseconds(static_cast<std::int64_t>(*count));
    return fail(Error(Domain::settings, 1, "not a duration: write \"10s\" (ms, s, min, h, d)"));
}

std::string setting_text(const SettingValue& value) {
    std::string out;
    std::visit(TomlAppender{out}, value);
    return out;
}

std::string least_text(const SettingRow& row) { return limit_text(row.kind, row.least, row.least_real); }
std::string most_text(const SettingRow& row) { return limit_text(row.kind, row.most, row.most_real); }

}  // namespace penstock::core
