// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::crypto {

/// What a handshake message does, step by step (Noise revision 34, 7.1 and 9.1).
enum class Token : std::uint8_t { end, e, s, ee, es, se, ss, psk };

/// A Noise handshake as data. The protocol's own two are below; `parse_pattern` makes the other fundamental
/// patterns, which nothing but tests and test vectors ask for.
struct Pattern {
    static constexpr std::size_t messages_max = 3;
    static constexpr std::size_t tokens_max = 8;
    using Message =
        std::array<Token, tokens_max>;  // ends at the first Token::end; an empty one is no message

    std::string_view name;
    std::array<Message, messages_max> messages{};
    bool initiator_is_known = false;  ///< its static key, before the first message
    bool responder_is_known = false;

    constexpr std::size_t message_count() const {
        std::size_t count = 0;
        while (count < messages_max && messages[count][0] != Token::end) ++count;
        return count;
    }
    constexpr std::size_t psk_count() const {
        std::size_t count = 0;
        for (const auto& message : messages)
            for (const auto token : message) count += token == Token::psk;
        return count;
    }
    friend constexpr bool operator==(const Pattern&, const Pattern&) = default;
};

/// Of `/enc_init` (docs/protocol.md, 1) and of each attach (2.3).
inline constexpr Pattern xx_psk0_psk3{"XXpsk0+psk3",
                                      {{{Token::psk, Token::e},
                                        {Token::e, Token::ee, Token::s, Token::es},
                                        {Token::s, Token::se, Token::psk}}}};
inline constexpr Pattern nn_psk0{"NNpsk0", {{{Token::psk, Token::e}, {Token::e, Token::ee}}}};

/// The pattern called "XX", "IKpsk2" or "XXpsk0+psk3": the fifteen of revision 34 (7.4, 7.5) and their psk
/// modifiers, ascending. None for others (fallback, deferred). The name is kept as a view.
std::optional<Pattern> parse_pattern(std::string_view name);

}  // namespace penstock::crypto
