// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/result.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

// What may cross from one thread to another, decided at compile time.
//
// Sendable: numbers, enums, owned text and buffers, Remotes, Detacheds, containers and plain structs of
// these, checked member by member. Not Sendable: references, pointers, views, spans, affine types, slices,
// and any shape that cannot be looked into (a struct with a base, more than eight members, or private ones).
// A type of your own opts in or out by `static constexpr bool sendable = true;`.

namespace penstock::core {

template <class T>
struct IsSendable;

namespace detail {

struct AnyMember {
    template <class T>
        requires(!std::is_reference_v<T>)
    operator T() const {
        std::unreachable();
    }
};
/// Converts to anything but a base of Whole: a struct with a base is told by counting with both.
template <class Whole>
struct AnyButBase {
    template <class T>
        requires(!std::is_reference_v<T> && !std::is_base_of_v<T, Whole>)
    operator T() const {
        std::unreachable();
    }
};
template <class T, class Any, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
    return requires { T{(void(I), Any{})...}; };
}
inline constexpr std::size_t members_max = 8;
template <class T, class Any, std::size_t N = members_max + 1>
consteval std::size_t count_with() {
    if constexpr (N == 0)
        return 0;
    else if constexpr (takes<T, Any>(std::make_index_sequence<N>{}))
        return N;
    else
        return count_with<T, Any, N - 1>();
}
/// 0: it cannot be looked into.
template <class T>
consteval std::size_t member_count() {
    constexpr auto count = count_with<T, AnyMember>();
    return count == count_with<T, AnyButBase<T>>() ? count : 0;
}

template <class... Member>
using All = std::bool_constant<(IsSendable<std::remove_cv_t<Member>>::value && ...)>;
template <class T>
auto members_sendable(T& t) {
    constexpr auto n = member_count<T>();
    if constexpr (n == 1) {
        auto& [a] = t;
        return All<decltype(a)>{};
    } else if constexpr (n == 2) {
        auto& [a, b] = t;
        return All<decltype(a), decltype(b)>{};
    } else if constexpr (n == 3) {
        auto& [a, b, c] = t;
        return All<decltype(a), decltype(b), decltype(c)>{};
    } else if constexpr (n == 4) {
        auto& [a, b, c, d] = t;
        return All<decltype(a), decltype(b), decltype(c), decltype(d)>{};
    } else if constexpr (n == 5) {
        auto& [a, b, c, d, e] = t;
        return All<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e)>{};
    } else if constexpr (n == 6) {
        auto& [a, b, c, d, e, f] = t;
        return All<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f)>{};
    } else if constexpr (n == 7) {
        auto& [a, b, c, d, e, f, g] = t;
        return All<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f),
                   decltype(g)>{};
    } else if constexpr (n == 8) {
        auto& [a, b, c, d, e, f, g, h] = t;
        return All<decltype(a), decltype(b), decltype(c), decltype(d), decltype(e), decltype(f), decltype(g),
                   decltype(h)>{};
    } else {
        return std::false_type{};
    }
}

template <class T>
consteval bool is_sendable() {
    if constexpr (requires { T::sendable; })
        return T::sendable;
    else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
        return true;
    else if constexpr (std::is_base_of_v<Affine, T> || !std::is_class_v<T> || !std::is_aggregate_v<T>)
        return false;
    else if constexpr (std::is_empty_v<T>)
        return true;
    else
        return decltype(members_sendable(std::declval<T&>()))::value;
}

}  // namespace detail

template <class T>
struct IsSendable : std::bool_constant<detail::is_sendable<T>()> {};
template <>
struct IsSendable<std::string> : std::true_type {};
template <>
struct IsSendable<std::monostate> : std::true_type {};
template <class R, class P>
struct IsSendable<std::chrono::duration<R, P>> : std::true_type {};
template <class C, class D>
struct IsSendable<std::chrono::time_point<C, D>> : std::true_type {};
template <class T, std::size_t N>
struct IsSendable<std::array<T, N>> : IsSendable<T> {};
template <class T>
struct IsSendable<std::vector<T>> : IsSendable<T> {};
template <class T>
struct IsSendable<std::optional<T>> : IsSendable<T> {};
template <class T>
struct IsSendable<std::unique_ptr<T>> : IsSendable<T> {};
template <class T>
struct IsSendable<std::shared_ptr<const T>> : std::true_type {};
template <class A, class B>
struct IsSendable<std::pair<A, B>> : detail::All<A, B> {};
template <class... T>
struct IsSendable<std::tuple<T...>> : detail::All<T...> {};
template <class... T>
struct IsSendable<std::variant<T...>> : detail::All<T...> {};
template <class T, class E>
struct IsSendable<std::expected<T, E>> : detail::All<T, E> {};
template <class E>
struct IsSendable<std::expected<void, E>> : IsSendable<E> {};
template <class T>
struct IsSendable<Result<T>> : IsSendable<T> {};
template <>
struct IsSendable<Result<void>> : std::true_type {};

template <class T>
concept Sendable = IsSendable<std::remove_cv_t<T>>::value;

/// A lambda without captures or a plain function: the only code that crosses threads.
template <class F>
concept Captureless = (std::is_empty_v<F> && std::is_default_constructible_v<F>) ||
                      (std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>);

}  // namespace penstock::core
