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
    InnerField field;
    for (std::size_t i = 0; i < out.count_; ++i) {
        if (!InnerField::read(reader, field)) return protocol("the head inside ends early");
        if (!is_inner_field(field)) return protocol("a field that may not stand inside");
    }
    out.bytes_ = all.first(all.size() - reader.rest().size());
    return out;
}

std::optional<std::string_view> InnerFields::find(std::string_view name) const {
    for (const auto& field : *this)
        if (field.name == name) return field.value;
    return std::nullopt;
}

namespace {

Result<void> append(std::string& out, std::span<const InnerField> fields) {
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

}  // namespace

Result<void> append_inner_rest(std::string& out, std::size_t begin, std::span<const InnerField> fields,
                               std::optional<std::uint64_t> body_bytes) {
    auto result = append(out, fields);
    if (result && body_bytes == body_until_final) result = protocol("a body that is too long");
    if (result) crypto::Writer(out).u64(body_bytes.value_or(body_until_final));
    if (result && out.size() - begin > message_plain_bytes_max)
        result = protocol("a head that does not fit in one record");
    if (!result) out.resize(begin);
    return result;
}

}  // namespace penstock::stream
