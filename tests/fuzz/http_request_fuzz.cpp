// SPDX-License-Identifier: Apache-2.0
#include <http/feed.hpp>

#include "http_check.hpp"

using namespace penstock;
using namespace http_test;

// However a request is cut, it is the same request. The first byte chooses limits, the second the cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = fuzz::text(data, size);
    const auto choice = fuzz::take(input), cut = fuzz::take(input);
    http::Limits limits;
    if ((choice & 1) != 0) limits.request_line_bytes_max = choice;
    if ((choice & 2) != 0) limits.fields_bytes_max = choice;
    if ((choice & 4) != 0) limits.fields_max = choice >> 5;
    if ((choice & 8) != 0) limits.method_bytes_max = choice >> 4;
    const auto at_once = request(input, whole(), limits);
    FUZZ_CHECK(request(input, split(cut), limits) == at_once);
    if (input.size() < 4096) FUZZ_CHECK(request(input, bytewise(), limits) == at_once);
    FUZZ_CHECK(at_once.end <= input.size());
    if (at_once.status == 0) FUZZ_CHECK(input.substr(0, at_once.end).ends_with("\r\n\r\n"));
    return 0;
}
