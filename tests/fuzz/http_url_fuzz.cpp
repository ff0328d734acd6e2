// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/request_parser.hpp>
#include <penstock/http/url.hpp>

#include "http_check.hpp"

using namespace penstock;

// A URL that is taken makes a request head that our own strict parser takes, too; written out again, it is
// the same URL.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = fuzz::text(data, size);
    const auto url = http::Url::parse(input);
    if (!url) return 0;
    FUZZ_CHECK(!url->host.empty() && url->port != 0 && input.size() <= http::Url::bytes_max);
    const auto target = url->target(), authority = url->authority();
    const auto head_text = "GET " + target + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
    const http::Limits limits;
    http::RequestParser parser(limits);
    http::RequestHead head;
    const auto end = parser.parse(head_text, head);
    FUZZ_CHECK(end && *end == head_text.size());
    FUZZ_CHECK(head.target() == target && head.host() == authority && head.fields().size() == 1);
    const auto again_text = "http://" + authority + target;
    const auto again = http::Url::parse(again_text);
    if (again_text.size() > http::Url::bytes_max) return 0;
    FUZZ_CHECK(again && again->target() == target && again->authority() == authority);
    return 0;
}
