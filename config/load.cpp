// SPDX-License-Identifier: Apache-2.0
#include <penstock/config/detail/dots.hpp>
#include <penstock/config/detail/toml.hpp>
#include <penstock/config/load.hpp>
#include <penstock/core/assert.hpp>
#include <penstock/core/settings_text.hpp>
#include <penstock/core/value_text.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

static_assert(TOML_MAX_NESTED_VALUES == penstock::config::nested_values_max);

namespace penstock::config {
namespace {

using core::SettingFit;
using core::SettingKind;
using core::SettingRow;
using core::SettingsSection;
using core::SettingValue;

std::string clean(std::string_view text) {
    std::string out;
    core::append_escaped(out, text);
    return out;
}

/// A value of the file, as a problem shows it.
std::string shown(const toml::node& node) {
    constexpr std::size_t most = 60;
    if (const auto* text = node.as_string()) {
        const auto& whole = text->get();
        if (whole.size() <= most) return '"' + clean(whole) + '"';
        return '"' + clean(std::string_view(whole).substr(0, most)) + "...\"";
    }
    std::string out;
    if (const auto* number = node.as_integer())
        core::append_number(out, number->get());
    else if (const auto* real = node.as_floating_point())
        core::append_number(out, real->get());
    else if (const auto* boolean = node.as_boolean())
        out = boolean->get() ? "true" : "false";
    else if (node.is_table())
        out = "{...}";
    else if (node.is_array())
        out = "[...]";
    else
        out = "a date or time";
    return out;
}

const char* wanted(SettingKind kind) {
    switch (kind) {
        case SettingKind::boolean: return "is not true or false";
        case SettingKind::count: return "is not a whole number";
        case SettingKind::real: return "is not a number";
        case SettingKind::bytes: return "is not a size: write \"64KiB\" (B, KiB, MiB, GiB, TiB)";
        case SettingKind::duration: return "is not a duration: write \"10s\" (ms, s, min, h, d)";
        case SettingKind::text: return "is not a text: write it in quotes";
        case SettingKind::texts: return "is not a list of texts: write [\"one\", \"two\"]";
    }
    return "is of another type";
}

std::string complaint(const SettingRow& row, SettingFit fit) {
    switch (fit) {
        case SettingFit::fits: break;
        case SettingFit::other_kind: return wanted(row.kind);
        case SettingFit::unclean: return "has a control character";
        case SettingFit::too_small:
            if (row.kind == SettingKind::text) return "is shorter than " + core::least_text(row);
            return "is below " + core::least_text(row);
        case SettingFit::too_large:
            if (row.kind == SettingKind::text) return "is longer than " + core::most_text(row);
            if (row.kind == SettingKind::texts)
                return "has more than " + core::most_text(row) + ", or one longer than " +
                       std::to_string(core::setting_list_text_bytes_max) + " bytes";
            return "is above " + core::most_text(row);
    }
    return {};
}

/// Reads a node as the row has it; `value` is set if it fits.
SettingFit read_count(const toml::node& node, SettingValue& value) {
    const auto* number = node.as_integer();
    if (number == nullptr) return SettingFit::other_kind;
    if (number->get() < 0) return SettingFit::too_small;
    if (number->get() > std::numeric_limits<std::uint32_t>::max()) return SettingFit::too_large;
    value = static_cast<std::uint32_t>(number->get());
    return SettingFit::fits;
}

SettingFit read_real(const toml::node& node, SettingValue& value) {
    if (const auto* real = node.as_floating_point())
        value = real->get();
    else if (const auto* number = node.as_integer())
        value = static_cast<double>(number->get());
    else
        return SettingFit::other_kind;
    return SettingFit::fits;
}

template <class Parse>
SettingFit read_with_unit(const toml::node& node, SettingValue& value, Parse parse) {
    const auto* text = node.as_string();
    if (text == nullptr) return SettingFit::other_kind;
    const auto parsed = parse(text->get());
    if (!parsed) return SettingFit::other_kind;
    value = *parsed;
    return SettingFit::fits;
}

/// A text alone is a list of one.
SettingFit read_texts(const toml::node& node, SettingValue& value) {
    if (const auto* text = node.as_string()) {
        value = std::vector<std::string>{text->get()};
        return SettingFit::fits;
    }
    const auto* array = node.as_array();
    if (array == nullptr) return SettingFit::other_kind;
    std::vector<std::string> texts;
    for (const auto& item : *array) {
        const auto* text = item.as_string();
        if (text == nullptr) return SettingFit::other_kind;
        texts.push_back(text->get());
    }
    value = std::move(texts);
    return SettingFit::fits;
}

SettingFit read(const SettingRow& row, const toml::node& node, SettingValue& value) {
    const auto read_it = [&] {
        switch (row.kind) {
            case SettingKind::boolean:
                if (const auto* boolean = node.as_boolean()) {
                    value = boolean->get();
                    return SettingFit::fits;
                }
                return SettingFit::other_kind;
            case SettingKind::count: return read_count(node, value);
            case SettingKind::real: return read_real(node, value);
            case SettingKind::bytes: return read_with_unit(node, value, core::parse_byte_size);
            case SettingKind::duration: return read_with_unit(node, value, core::parse_milliseconds);
            case SettingKind::text:
                if (const auto* text = node.as_string()) {
                    value = text->get();
                    return SettingFit::fits;
                }
                return SettingFit::other_kind;
            case SettingKind::texts: return read_texts(node, value);
        }
        return SettingFit::other_kind;
    };
    const auto fit = read_it();
    return fit == SettingFit::fits ? row.fit(value) : fit;
}

/// The name that was probably meant: a third of its letters differ, at most two; empty if there is none.
template <class Name>
std::string_view nearest(std::string_view wrong, std::size_t count, Name name) {
    constexpr std::size_t most = 64;  // of a name; see is_setting_name
    if (wrong.size() > most) return {};
    std::string_view best;
    std::size_t best_distance = std::min<std::size_t>(wrong.size() / 3, 2) + 1;
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view right = name(i);
        std::size_t row[most + 1];  // Levenshtein's distances of the prefixes
        for (std::size_t b = 0; b <= right.size(); ++b) row[b] = b;
        for (std::size_t a = 1; a <= wrong.size(); ++a) {
            auto diagonal = std::exchange(row[0], a);
            for (std::size_t b = 1; b <= right.size(); ++b) {
                const auto replaced = diagonal + (wrong[a - 1] != right[b - 1]);
                diagonal = row[b];
                row[b] = std::min({row[b] + 1, row[b - 1] + 1, replaced});
            }
        }
        if (row[right.size()] >= best_distance) continue;
        best_distance = row[right.size()];
        best = right;
    }
    return best;
}

/// Walks over a parsed file, and gathers what is to be assigned and what is wrong.
class Loader {
public:
    Loader(std::string_view file, std::span<const SettingsSection> sections)
        : file_(file), sections_(sections) {}

    void walk(const toml::table& file) {
        for (const auto& [key, node] : file) {
            if (is_full()) return;
            const auto* section = find(key.str());
            if (section == nullptr)
                unknown_section(key, node);
            else if (const auto* table = node.as_table())
                walk(*section, *table);
            else
                problem(key.source(), name(key) + " is a section: write [" + name(key) + "] once");
        }
    }

    Loaded finish() && {
        if (problems_.empty()) {
            Places out;
            for (auto& [section, row, value, where] : assignments_) {
                const auto assigned = section->assign(row, std::move(value));
                PENSTOCK_ASSERT(assigned.has_value());
                out[std::string(section->name()) + '.' + std::string(section->row(row).name)] = where;
            }
            return out;
        }
        std::sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
            return std::pair(a.line, a.column) < std::pair(b.line, b.column);
        });
        return std::unexpected(std::move(problems_));
    }

    void problem(const toml::source_region& where, std::string text) {
        problems_.push_back({clean(file_), where.begin.line, where.begin.column, std::move(text)});
    }

private:
    struct Assignment {
        const SettingsSection* section;
        std::size_t row;
        SettingValue value;
        Place where;
    };

    bool is_full() const { return problems_.size() >= problems_max; }
    static std::string name(const toml::key& key) { return clean(key.str().substr(0, 64)); }

    const SettingsSection* find(std::string_view name) const {
        for (const auto& section : sections_)
            if (section.name() == name) return &section;
        return nullptr;
    }

    void walk(const SettingsSection& section, const toml::table& table) {
        for (const auto& [key, node] : table) {
            if (is_full()) return;
            if (const auto row = section.find(key.str()))
                take(section, *row, node);
            else
                unknown_key(section, key);
        }
    }

    void take(const SettingsSection& section, std::size_t at, const toml::node& node) {
        const auto& row = section.row(at);
        SettingValue value;
        const auto fit = read(row, node, value);
        if (fit == SettingFit::fits) {
            const auto& where = node.source().begin;
            assignments_.push_back({&section, at, std::move(value), {where.line, where.column}});
            return;
        }
        std::string text(section.name());
        text.append(".").append(row.name).append(" = ").append(shown(node));
        problem(node.source(), text + ' ' + complaint(row, fit));
    }

    void unknown_section(const toml::key& key, const toml::node& node) {
        if (!node.is_table() && !node.is_array_of_tables())
            return problem(key.source(), name(key) + " stands before the first section");
        const auto meant =
            nearest(key.str(), sections_.size(), [&](std::size_t i) { return sections_[i].name(); });
        std::string text = "unknown section [" + name(key) + ']';
        if (!meant.empty()) text.append("; is [").append(meant).append("] meant?");
        problem(key.source(), std::move(text));
    }

    void unknown_key(const SettingsSection& section, const toml::key& key) {
        const auto meant =
            nearest(key.str(), section.size(), [&](std::size_t i) { return section.row(i).name; });
        std::string text = "unknown key ";
        text.append(section.name()).append(".").append(name(key));
        if (!meant.empty()) text.append("; is ").append(meant).append(" meant?");
        problem(key.source(), std::move(text));
    }

    std::string_view file_;
    std::span<const SettingsSection> sections_;
    std::vector<Assignment> assignments_;
    Problems problems_;
};

Loaded refuse(std::string_view file, std::string text, std::uint32_t line = 0, std::uint32_t column = 0) {
    return std::unexpected(Problems{{clean(file), line, column, std::move(text)}});
}

const char* const too_long = "longer than 1 MiB: is it a settings file?";

/// An errno, or 0.
int read_file(const std::string& path, std::string& text) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return errno;
    text.resize(file_bytes_max + 1);
    std::size_t size = 0;
    int failed = 0;
    while (size < text.size()) {
        const auto count = ::read(file, text.data() + size, text.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) failed = errno;
        if (count <= 0) break;
        size += static_cast<std::size_t>(count);
    }
    ::close(file);
    text.resize(size);
    return failed;
}

}  // namespace

Loaded load_text(std::string_view text, std::string_view name, std::span<const SettingsSection> sections) {
    for (std::size_t i = 0; i < sections.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) PENSTOCK_ASSERT(sections[i].name() != sections[j].name());
    if (text.size() > file_bytes_max) return refuse(name, too_long);
    if (const auto place = find_long_key(text, key_parts_max))
        return refuse(name, "more than " + std::to_string(key_parts_max - 1) + " dots in a row", place->line,
                      place->column);
    const auto parsed = toml::parse(text);
    if (!parsed) {
        const auto& error = parsed.error();
        return refuse(name, clean(error.description()), error.source().begin.line,
                      error.source().begin.column);
    }
    Loader loader(name, sections);
    loader.walk(parsed.table());
    return std::move(loader).finish();
}

Loaded load_file(const std::string& path, std::span<const SettingsSection> sections) {
    std::string text;
    if (const int failed = read_file(path, text); failed != 0)
        return refuse(path, core::Error::os(failed, "can't be read").message());
    return load_text(text, path, sections);
}

}  // namespace penstock::config
