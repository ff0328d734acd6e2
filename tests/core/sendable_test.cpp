// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/address.hpp>
#include <penstock/core/node_id.hpp>
#include <penstock/core/sendable.hpp>
#include <penstock/core/slice.hpp>

#include <doctest/doctest.h>

using namespace penstock;
using core::Sendable;

namespace {
struct Plain {
    int a;
    std::string b;
};
struct Nested {
    Plain plain;
    std::vector<Plain> more;
    std::optional<Buffer> buffer;
};
struct WithView {
    int a;
    std::string_view b;
};
struct WithPointer {
    int* p;
};
struct WithReference {
    int& r;
};
struct Based : Plain {};
struct Nine {
    int a, b, c, d, e, f, g, h, i;
};
struct OptedIn : Nine {
    static constexpr bool sendable = true;
};
struct OnWorker : core::Affine {};
int plain_function(int n) { return n; }
}  // namespace

static_assert(Sendable<int> && Sendable<std::string> && Sendable<Plain> && Sendable<Nested> &&
              Sendable<OptedIn>);
static_assert(Sendable<Address> && Sendable<NodeId> && Sendable<Error> && Sendable<Buffer>);
static_assert(Sendable<Result<std::string>> && Sendable<Result<void>> && Sendable<std::chrono::milliseconds>);
static_assert(Sendable<std::unique_ptr<Plain>> && Sendable<std::shared_ptr<const WithPointer>>);
static_assert(Sendable<std::tuple<int, std::string>> && Sendable<std::variant<int, Plain>>);
static_assert(!Sendable<int*> && !Sendable<int&> && !Sendable<const char*> && !Sendable<std::string_view>);
static_assert(!Sendable<WithView> && !Sendable<WithPointer> && !Sendable<WithReference>);
static_assert(!Sendable<Slice> && !Sendable<Bytes> && !Sendable<std::span<int>> && !Sendable<OnWorker>);
static_assert(!Sendable<std::vector<WithView>> && !Sendable<std::optional<Slice>> &&
              !Sendable<std::shared_ptr<int>>);
static_assert(!Sendable<Based> && !Sendable<Nine>);
static_assert(core::Captureless<decltype([](int) {})>);

TEST_CASE("captures make a lambda stay where it is") {
    int n = 0;
    auto captures = [&n] { ++n; };
    CHECK_FALSE(core::Captureless<decltype(captures)>);
    CHECK(core::Captureless<decltype(&plain_function)>);
    CHECK(plain_function(n) == n);
}
