// SPDX-License-Identifier: Apache-2.0
// The value of Penstock-Attach, and the id in the path beside it: one text for each value.
#include <penstock/stream/attach.hpp>

#include <cstdlib>

using namespace penstock;
using namespace penstock::stream;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = Bytes(std::span<const std::uint8_t>(data, size)).text();
    const auto field = parse_attach_field(text);
    if (field && (field->sequence == 0 || attach_field_text(*field) != text)) std::abort();
    const auto id = parse_id(text);
    if (id && id_text(*id) != text) std::abort();
    return 0;
}
