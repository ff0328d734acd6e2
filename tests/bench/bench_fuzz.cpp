// SPDX-License-Identifier: Apache-2.0
// The parsers of the bench: what the load learns a reply by, the minimal one of the peers, and what is read
// of other programs.
#include <cstdlib>

#include <bench/figures.hpp>
#include <bench/instructions.hpp>
#include <bench/peers/http_head.hpp>
#include <bench/response.hpp>
#include <bench/server_process.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace penstock::bench;
    const std::string_view in(reinterpret_cast<const char*>(data), size);
    const auto length = response_bytes(in, "hello");
    if (length && *length != 0 && (*length != size || !in.ends_with("\r\n\r\nhello"))) std::abort();
    Head head;
    if (parse_head(in, head) == Parsed::whole &&
        (head.head_bytes > size || !in.substr(0, head.head_bytes).ends_with("\r\n\r\n")))
        std::abort();
    static_cast<void>(callgrind_total(in));
    static_cast<void>(anonymous_bytes(in));
    static const std::vector<std::string> figures = {"arm", "cancel"};
    if (const auto times = read_figures(in, figures); times && (times->size() != 2 || !in.ends_with('\n')))
        std::abort();
    return 0;
}
