// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/locals.hpp>

#include <vector>

#include <doctest/doctest.h>

using namespace penstock::events;

namespace {

template <int N>
struct Made {
    explicit Made(std::vector<int>* at) : died(at) {}
    Made(const Made&) = delete;
    Made& operator=(const Made&) = delete;
    ~Made() { died->push_back(N); }
    std::vector<int>* died;
};

}  // namespace

TEST_CASE("locals hold one object a type: what was made dies in turn, what was lent does not") {
    std::vector<int> died;
    int mine = 7;
    const int fixed = 8;
    {
        Locals locals;
        CHECK(locals.find<Made<1>>() == nullptr);
        auto& first = locals.make<Made<1>>(&died);
        locals.make<Made<2>>(&died);
        locals.lend(&mine);
        locals.lend(&fixed);
        CHECK(locals.find<Made<1>>() == &first);
        CHECK(locals.find<int>() == &mine);  // and a const one is another type
        CHECK(locals.find<const int>() == &fixed);
        locals.clear();
        CHECK(died == std::vector{2, 1});
        CHECK(locals.find<Made<1>>() == nullptr);
        CHECK(locals.find<int>() == &mine);
        locals.make<Made<3>>(&died);
    }
    CHECK(died == std::vector{2, 1, 3});
}
