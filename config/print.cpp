// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/print.hpp>
#include <penstock/core/settings_text.hpp>

namespace penstock::config {
namespace {

/// "" where it says nothing: both values of a switch, any list.
std::string range_text(const core::SettingRow& row) {
    switch (row.kind) {
        case core::SettingKind::boolean: return "true or false";
        case core::SettingKind::texts: return "up to " + core::most_text(row);
        case core::SettingKind::text:
            if (row.least == 0) return "up to " + core::most_text(row);
            [[fallthrough]];
        default: return "from " + core::least_text(row) + " to " + core::most_text(row);
    }
}

void print_row(std::string& out, const core::SettingRow& row, const core::SettingValue& value) {
    out.append("# ").append(row.help).append("\n# ").append(range_text(row));
    out += row.when == core::When::reloadable ? "; a reload changes it\n" : "; read at start\n";
    out.append("# ").append(row.name).append(" = ").append(core::setting_text(value)) += '\n';
}

}  // namespace

std::string print_defaults(std::span<const core::SettingsSection> sections) {
    std::string out;
    for (const auto& section : sections) {
        if (!out.empty()) out += '\n';
        out.append("[").append(section.name()).append("]\n");
        for (std::size_t at = 0; at < section.size(); ++at) {
            if (at != 0) out += '\n';
            print_row(out, section.row(at), section.value(at));
        }
    }
    return out;
}

}  // namespace penstock::config
