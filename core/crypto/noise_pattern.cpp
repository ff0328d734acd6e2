// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/noise_pattern.hpp>

#include <algorithm>

namespace penstock::crypto {
namespace {

using enum Token;
constexpr std::array fundamental{
    Pattern{"N", {{{e, es}}}, false, true},
    Pattern{"K", {{{e, es, ss}}}, true, true},
    Pattern{"X", {{{e, es, s, ss}}}, false, true},
    Pattern{"NN", {{{e}, {e, ee}}}},
    Pattern{"NK", {{{e, es}, {e, ee}}}, false, true},
    Pattern{"NX", {{{e}, {e, ee, s, es}}}},
    Pattern{"XN", {{{e}, {e, ee}, {s, se}}}},
    Pattern{"XK", {{{e, es}, {e, ee}, {s, se}}}, false, true},
    Pattern{"XX", {{{e}, {e, ee, s, es}, {s, se}}}},
    Pattern{"KN", {{{e}, {e, ee, se}}}, true},
    Pattern{"KK", {{{e, es, ss}, {e, ee, se}}}, true, true},
    Pattern{"KX", {{{e}, {e, ee, se, s, es}}}, true},
    Pattern{"IN", {{{e, s}, {e, ee, se}}}},
    Pattern{"IK", {{{e, es, s, ss}, {e, ee, se}}}, false, true},
    Pattern{"IX", {{{e, s}, {e, ee, se, s, es}}}},
};

/// psk0 goes before the first token, pskN behind the last one of message N.
bool add_psk(Pattern& pattern, std::size_t place) {
    if (place > pattern.message_count()) return false;
    auto& message = pattern.messages[place == 0 ? 0 : place - 1];
    const auto last = std::ranges::find(message, end);
    if (last == message.end()) return false;
    if (place == 0) {
        std::ranges::copy_backward(message.begin(), last, last + 1);
        message[0] = psk;
    } else {
        *last = psk;
    }
    return true;
}

}  // namespace

std::optional<Pattern> parse_pattern(std::string_view name) {
    const auto base_length = std::min(name.find_first_not_of("NKXI"), name.size());
    const auto base = std::ranges::find(fundamental, name.substr(0, base_length), &Pattern::name);
    if (base == fundamental.end()) return std::nullopt;
    auto out = *base;
    out.name = name;
    auto modifiers = name.substr(base_length);
    for (int last = -1; !modifiers.empty();) {
        if (last >= 0) {
            if (!modifiers.starts_with('+')) return std::nullopt;
            modifiers.remove_prefix(1);
        }
        if (!modifiers.starts_with("psk") || modifiers.size() < 4) return std::nullopt;
        const int place = modifiers[3] - '0';
        if (place <= last || place > 9 || !add_psk(out, static_cast<std::size_t>(place))) return std::nullopt;
        last = place;
        modifiers.remove_prefix(4);
    }
    return out;
}

}  // namespace penstock::crypto
