// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <events/backend/rig.hpp>

/// What the suite runs on: a type, a name, and how it is made. One line for each backend.
// clang-format off
#define PENSTOCK_EVERY_BACKEND(each)                        \
    each(Epoll, "epoll", of_system("epoll"))                \
    each(Poll, "poll", of_system("poll"))                   \
    each(Uring, "io_uring", of_system("io_uring"))          \
    each(Simulated, "simulated", simulated(seed))           \
    each(Rough, "simulated, rough", rough(seed))
// clang-format on

namespace penstock::test {

/// A backend of the system, by the name in events/backends.hpp.
std::unique_ptr<World> of_system(const char* name);
/// Simulated: without faults, or with all that an application must not notice.
std::unique_ptr<World> simulated(std::uint64_t seed);
std::unique_ptr<World> rough(std::uint64_t seed);

#define PENSTOCK_BACKEND_TYPE(type, name, make)                                                   \
    struct type {                                                                                 \
        static constexpr const char* text = name;                                                 \
        static std::unique_ptr<World> world([[maybe_unused]] std::uint64_t seed) { return make; } \
    };
PENSTOCK_EVERY_BACKEND(PENSTOCK_BACKEND_TYPE)
#undef PENSTOCK_BACKEND_TYPE

#define PENSTOCK_BACKEND_TUPLE(type, name, make) , std::declval<std::tuple<type>>()
using EveryBackend = decltype(std::tuple_cat(std::tuple<>() PENSTOCK_EVERY_BACKEND(PENSTOCK_BACKEND_TUPLE)));
#undef PENSTOCK_BACKEND_TUPLE

/// Null, and said so, when this machine has no such backend.
std::unique_ptr<Rig> make_rig(std::unique_ptr<World> world);

using Promise = void (*)(Rig&);
void check(std::unique_ptr<World> (*make)(std::uint64_t seed), Promise promise);

}  // namespace penstock::test

#define PENSTOCK_BACKEND_NAME(type, name, make) TYPE_TO_STRING_AS(name, penstock::test::type);
PENSTOCK_EVERY_BACKEND(PENSTOCK_BACKEND_NAME)
#undef PENSTOCK_BACKEND_NAME

/// PROMISE("what a backend promises") { ... `rig` ... }: a test case for each backend.
#define PROMISE(text) PENSTOCK_PROMISE(text, DOCTEST_ANONYMOUS(promise_))
#define PENSTOCK_PROMISE(text, name) PENSTOCK_PROMISE_AS(text, name)
#define PENSTOCK_PROMISE_AS(text, name)                                                         \
    static void name(penstock::test::Rig& rig);                                                 \
    TEST_CASE_TEMPLATE_DEFINE(text, On, name##_on) { penstock::test::check(&On::world, name); } \
    TEST_CASE_TEMPLATE_APPLY(name##_on, penstock::test::EveryBackend);                          \
    static void name([[maybe_unused]] penstock::test::Rig& rig)
