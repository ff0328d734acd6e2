// SPDX-License-Identifier: Apache-2.0
#include <http/feed.hpp>

#include "http_check.hpp"

using namespace penstock;
using namespace http_test;

// However a response is cut, it is the same response. The first byte chooses method and limits, the second
// the cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = fuzz::text(data, size);
    const auto choice = fuzz::take(input), cut = fuzz::take(input);
    const auto method = static_cast<http::Method>(choice % http::method_count);
    http::Limits limits;
    if (choice >= 200) limits.request_line_bytes_max = limits.fields_bytes_max = choice - 200u;
    const auto at_once = reply(input, whole(), method, limits);
    FUZZ_CHECK(reply(input, split(cut), method, limits) == at_once);
    if (input.size() < 4096) FUZZ_CHECK(reply(input, bytewise(), method, limits) == at_once);
    FUZZ_CHECK(at_once.end <= input.size());
    return 0;
}
