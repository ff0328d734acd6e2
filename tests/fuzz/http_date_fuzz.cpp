// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/date.hpp>

#include "http_check.hpp"

using namespace penstock;

// What is a date in any form is the same when it is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const core::WallTime now(std::chrono::hours(24 * 365 * 56));
    const auto time = http::parse_date(fuzz::text(data, size), now);
    if (!time) return 0;
    const auto text = http::date_text(*time);
    FUZZ_CHECK(http::parse_date({text.data(), text.size()}, now) == *time);
    return 0;
}
