// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/settings.hpp>

#include <algorithm>

namespace penstock::core {
namespace {

bool is_clean(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
}

template <class T>
SettingFit within(T value, T least, T most) {
    if (value < least) return SettingFit::too_small;
    if (value > most) return SettingFit::too_large;
    return SettingFit::fits;
}

struct Fitter {
    const SettingRow& row;

    SettingFit operator()(bool) const { return SettingFit::fits; }
    SettingFit operator()(std::uint32_t value) const { return whole(value); }
    SettingFit operator()(double value) const {
        if (value != value) return SettingFit::other_kind;
        return within(value, row.least_real, row.most_real);
    }
    SettingFit operator()(ByteSize value) const { return whole(value); }
    SettingFit operator()(Milliseconds value) const {
        if (value.count() < 0) return SettingFit::too_small;
        return whole(static_cast<std::uint64_t>(value.count()));
    }
    SettingFit operator()(const std::string& value) const {
        return is_clean(value) ? whole(value.size()) : SettingFit::unclean;
    }
    SettingFit operator()(const std::vector<std::string>& value) const {
        for (const auto& text : value) {
            if (!is_clean(text)) return SettingFit::unclean;
            if (text.size() > setting_list_text_bytes_max) return SettingFit::too_large;
        }
        return whole(value.size());
    }
    SettingFit whole(std::uint64_t value) const { return within(value, row.least, row.most); }
};

/// The value of the kind that has this index, at `member`.
template <std::size_t Index = 0>
SettingValue read(SettingKind kind, const void* member) {
    if constexpr (Index < std::variant_size_v<SettingValue>) {
        if (static_cast<std::size_t>(kind) != Index) return read<Index + 1>(kind, member);
        using T = std::variant_alternative_t<Index, SettingValue>;
        return SettingValue(std::in_place_index<Index>, *static_cast<const T*>(member));
    } else {
        PENSTOCK_ASSERT(!"a kind of setting");
        return {};
    }
}

}  // namespace

SettingFit SettingRow::fit(const SettingValue& value) const {
    if (static_cast<std::size_t>(kind) != value.index()) return SettingFit::other_kind;
    return std::visit(Fitter{*this}, value);
}

std::optional<std::size_t> SettingsSection::find(std::string_view name) const {
    for (std::size_t at = 0; at < size_; ++at)
        if (row(at).name == name) return at;
    return {};
}

SettingValue SettingsSection::value(std::size_t at) const {
    PENSTOCK_ASSERT(at < size_);
    return read(row(at).kind, member_(rows_, at, settings_));
}

Result<void> SettingsSection::assign(std::size_t at, SettingValue value) const {
    PENSTOCK_ASSERT(at < size_);
    switch (row(at).fit(value)) {
        case SettingFit::fits: break;
        case SettingFit::other_kind: return fail(Error(Domain::settings, 1, "a value of another type"));
        case SettingFit::too_small: return fail(Error(Domain::settings, 2, "a value below its range"));
        case SettingFit::too_large: return fail(Error(Domain::settings, 3, "a value above its range"));
        case SettingFit::unclean: return fail(Error(Domain::settings, 4, "a text with a control character"));
    }
    void* const member = member_(rows_, at, settings_);
    std::visit(
        [&](auto& held) {
            using T = std::remove_reference_t<decltype(held)>;
            *static_cast<T*>(member) = std::move(held);
        },
        value);
    return {};
}

std::vector<std::size_t> changed(const SettingsSection& before, const SettingsSection& after) {
    PENSTOCK_ASSERT(before.name() == after.name() && before.size() == after.size());
    std::vector<std::size_t> out;
    for (std::size_t at = 0; at < before.size(); ++at)
        if (before.value(at) != after.value(at)) out.push_back(at);
    return out;
}

}  // namespace penstock::core
