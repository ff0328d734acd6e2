// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/chunked.hpp>

#include <http/feed.hpp>

#include "http_check.hpp"

using namespace penstock;
using namespace http_test;

namespace {

Outcome read(std::string_view input, std::size_t step, const http::Limits& limits) {
    http::ChunkedReader reader(limits);
    Outcome out{-1, 0, {}};
    while (out.end < input.size() && !reader.is_complete()) {
        const Arrived arrived(input.substr(out.end, step));
        auto in = arrived.view();
        while (!in.empty() && !reader.is_complete()) {
            const auto piece = reader.next(in);
            if (!piece) return {piece.error().code(), 0, piece.error().message()};
            FUZZ_CHECK(piece->taken != 0 && piece->taken <= in.size());
            out.text += piece->data;
            out.end += piece->taken;
            in.remove_prefix(piece->taken);
        }
    }
    if (!reader.is_complete()) return out;
    out.status = 0;
    out.text += "\n" + describe(reader.trailers());
    return out;
}

}  // namespace

// However a body is cut, it is the same body. The first byte chooses limits, the second the step.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto input = fuzz::text(data, size);
    const auto choice = fuzz::take(input), step = fuzz::take(input);
    http::Limits limits;
    if ((choice & 1) != 0) limits.chunk_line_bytes_max = choice >> 2;
    if ((choice & 2) != 0) limits.chunk_extensions_bytes_max = limits.trailers_bytes_max = choice >> 2;
    const auto at_once = read(input, std::string_view::npos, limits);
    FUZZ_CHECK(read(input, step == 0 ? 1 : step, limits) == at_once);
    FUZZ_CHECK(read(input, 1, limits) == at_once);
    return 0;
}
