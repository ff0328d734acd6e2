// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// Settings are plain structs whose members hold the defaults, each with one constexpr table that says what a
// settings file may write into it. Whoever loads sees tables without their types, as SettingsSections.
//
//     constexpr auto chat_settings = core::table<ChatSettings>("chat", {
//         {"pause", &ChatSettings::pause, {0ms, 10s}, core::reloadable, "least time between two lines"},
//     });

namespace penstock::core {

/// A number of bytes; a settings file writes "4KiB".
struct ByteSize {
    std::uint64_t bytes = 0;
    constexpr ByteSize(std::uint64_t n = 0) : bytes(n) {}
    constexpr operator std::uint64_t() const { return bytes; }
    static constexpr bool sendable = true;
};
using Milliseconds = std::chrono::milliseconds;

/// Both ends are allowed values.
template <class T>
struct Range {
    T min, max;
};

/// Whether a change takes effect by a reload.
enum class When : std::uint8_t { at_start, reloadable };
inline constexpr When at_start = When::at_start, reloadable = When::reloadable;

/// Of a list of texts, and of each text in it.
inline constexpr std::size_t setting_list_max = 1024;
inline constexpr std::size_t setting_list_text_bytes_max = 4096;

using SettingValue =
    std::variant<bool, std::uint32_t, double, ByteSize, Milliseconds, std::string, std::vector<std::string>>;
/// In the order of SettingValue.
enum class SettingKind : std::uint8_t { boolean, count, real, bytes, duration, text, texts };

/// How a value suits its row.
enum class SettingFit : std::uint8_t { fits, other_kind, too_small, too_large, unclean };

/// What a row says of its setting. Sizes, counts, milliseconds and lengths of text are limited by `least` and
/// `most`, doubles by the other two.
struct SettingRow {
    std::string_view name, help;
    SettingKind kind;
    When when;
    std::uint64_t least = 0, most = 0;
    double least_real = 0, most_real = 0;

    /// Control characters make a text unclean.
    SettingFit fit(const SettingValue& value) const;
};

namespace detail {
constexpr bool is_setting_name(std::string_view name) {
    if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z') return false;
    for (const char c : name)
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    return true;
}
template <class T>
constexpr std::uint64_t checked_limit(T value) {
    if (value < 0) throw "a setting is never negative";
    return static_cast<std::uint64_t>(value);
}
}  // namespace detail

/// One row of a table for members of S.
template <class S>
class Setting : public SettingRow {
public:
    using Member = std::variant<bool S::*, std::uint32_t S::*, double S::*, ByteSize S::*, Milliseconds S::*,
                                std::string S::*, std::vector<std::string> S::*>;

    constexpr Setting(const char* key, bool S::* member, When change, const char* about)
        : Setting(key, member, 0, 1, change, about) {}
    constexpr Setting(const char* key, std::uint32_t S::* member, Range<std::uint32_t> range, When change,
                      const char* about)
        : Setting(key, member, range.min, range.max, change, about) {}
    constexpr Setting(const char* key, double S::* member, Range<double> range, When change,
                      const char* about)
        : Setting(key, member, 0, 0, change, about) {
        if (!(range.min <= range.max)) throw "the range of a setting is empty";
        least_real = range.min;
        most_real = range.max;
    }
    constexpr Setting(const char* key, ByteSize S::* member, Range<std::uint64_t> range, When change,
                      const char* about)
        : Setting(key, member, range.min, range.max, change, about) {}
    constexpr Setting(const char* key, Milliseconds S::* member, Range<Milliseconds> range, When change,
                      const char* about)
        : Setting(key, member, detail::checked_limit(range.min.count()),
                  detail::checked_limit(range.max.count()), change, about) {}
    constexpr Setting(const char* key, std::string S::* member, Range<std::size_t> length_bytes, When change,
                      const char* about)
        : Setting(key, member, length_bytes.min, length_bytes.max, change, about) {}
    constexpr Setting(const char* key, std::vector<std::string> S::* member, When change, const char* about)
        : Setting(key, member, 0, setting_list_max, change, about) {}

    constexpr const Member& member() const { return member_; }

private:
    constexpr Setting(const char* key, Member member, std::uint64_t min, std::uint64_t max, When change,
                      const char* about)
        : SettingRow{key, about, static_cast<SettingKind>(member.index()), change, min, max, 0, 0},
          member_(member) {
        if (!detail::is_setting_name(key)) throw "not the name of a setting: a-z, 0-9 and _";
        if (min > max) throw "the range of a setting is empty";
    }
    Member member_;
};

template <class S, std::size_t N>
struct Table {
    std::string_view section;
    Setting<S> rows[N];
};

namespace detail {
template <class S, std::size_t N, std::size_t... I>
constexpr Table<S, N> make_table(std::string_view section, const Setting<S> (&rows)[N],
                                 std::index_sequence<I...>) {
    return {section, {rows[I]...}};
}
}  // namespace detail

/// Checked when it is compiled: names are in order and differ, no range is empty.
template <class S, std::size_t N>
constexpr Table<S, N> table(const char* section, const Setting<S> (&rows)[N]) {
    if (!detail::is_setting_name(section)) throw "not the name of a section: a-z, 0-9 and _";
    for (std::size_t i = 0; i < N; ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (rows[i].name == rows[j].name) throw "two settings of one name";
    return detail::make_table(section, rows, std::make_index_sequence<N>{});
}

/// A table and the struct that it reads and writes, without their types. A view of both; copied freely.
class SettingsSection {
public:
    template <class S, std::size_t N>
    SettingsSection(const Table<S, N>& table, S& settings)
        : name_(table.section),
          rows_(table.rows),
          size_(N),
          settings_(&settings),
          row_(&row_of<S>),
          member_(&member_of<S>) {}
    template <class S, std::size_t N>
    SettingsSection(const Table<S, N>&& table, S& settings) = delete;

    std::string_view name() const { return name_; }
    std::size_t size() const { return size_; }
    /// Requires at < size().
    const SettingRow& row(std::size_t at) const { return row_(rows_, at); }
    std::optional<std::size_t> find(std::string_view name) const;

    SettingValue value(std::size_t at) const;
    /// Refuses a value that doesn't fit its row.
    Result<void> assign(std::size_t at, SettingValue value) const;

private:
    template <class S>
    static const SettingRow& row_of(const void* rows, std::size_t at) {
        return static_cast<const Setting<S>*>(rows)[at];
    }
    template <class S>
    static void* member_of(const void* rows, std::size_t at, void* settings) {
        auto& object = *static_cast<S*>(settings);
        return std::visit([&](auto member) -> void* { return &(object.*member); },
                          static_cast<const Setting<S>*>(rows)[at].member());
    }

    std::string_view name_;
    const void* rows_;
    std::size_t size_;
    void* settings_;
    const SettingRow& (*row_)(const void*, std::size_t);
    void* (*member_)(const void*, std::size_t, void*);
};

/// The rows in which two structs of one table differ: on a reload, which of them are `at_start`?
std::vector<std::size_t> changed(const SettingsSection& before, const SettingsSection& after);

}  // namespace penstock::core
