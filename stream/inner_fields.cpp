// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/detail/inner_path.hpp>
#include <penstock/stream/inner_fields.hpp>

#include <algorithm>
#include <array>
#include <limits>

namespace penstock::stream {
namespace {

/// Those of the connection and of the framing; prefixes end with '-'.
constexpr std::array<std::string_view, 12> outer_names{
    "connection", "keep-alive",     "proxy-", "te",     "trailer",   "transfer-encoding",
    "upgrade",    "content-length", "host",   "expect", "forwarded", "x-forwarded-"};

bool is_outer(std::string_view name) {
    return std::ranges::any_of(outer_names, [name](std::string_view outer) {
        return outer.ends_with('-') ? name.starts_with(outer) : name == outer;
    });
}

std::unexpected<Error> protocol(const char* text) {
    return fail(crypto::error(crypto::Code::protocol, text));
}

}  // namespace

bool is_inner_field(InnerField field) {
    const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    return detail::is_token(field.name) && std::ranges::none_of(field.name, is_upper) &&
           !is_outer(field.name) &&
           field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos;
}

Result<InnerFields> InnerFields::parse(crypto::Reader& reader) {
    InnerFields out;
    out.count_ = reader.u16();
    if (!reader.ok() || out.count_ > inner_fields_max) return protocol("too many fields inside");
    const auto all = reader.rest();
    for (std::size_t i = 0; i < out.count_; ++i) {
        const auto name = reader.v16(), value = reader.v16();
        if (!reader.ok()) return protocol("the head inside ends early");
        if (!is_inner_field({name.text(), value.text()}))
            return protocol("a field that may not stand inside");
    }
    out.bytes_ = all.first(all.size() - reader.rest().size());
    return out;
}

std::optional<std::string_view> InnerFields::find(std::string_view name) const {
    for (const auto& field : *this)
        if (field.name == name) return field.value;
    return std::nullopt;
}

Result<void> append_inner_fields(std::string& out, std::span<const InnerField> fields) {
    if (fields.size() > inner_fields_max) return protocol("too many fields inside");
    constexpr std::size_t length_max = std::numeric_limits<std::uint16_t>::max();
    for (const auto& field : fields)
        if (!is_inner_field(field) || field.name.size() > length_max || field.value.size() > length_max)
            return protocol("a field that may not stand inside");
    crypto::Writer writer(out);
    writer.u16(static_cast<std::uint16_t>(fields.size()));
    for (const auto& field : fields) writer.v16(field.name).v16(field.value);
    return {};
}

}  // namespace penstock::stream
