// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/log_line.hpp>
#include <penstock/core/value_text.hpp>

namespace penstock::core {
namespace {

using Ticks = std::chrono::nanoseconds::rep;

/// Not in the middle of a UTF-8 character, if it is UTF-8.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
    auto size = bytes_max;
    for (int i = 0; i < 3 && (static_cast<std::uint8_t>(text[size]) & 0xC0) == 0x80; ++i) --size;
    return text.substr(0, size);
}

template <class Put>
void encode_text(const Put& put, std::string_view text, std::size_t bytes_max) {
    const bool is_cut = text.size() > bytes_max;
    if (is_cut) text = cut(text, bytes_max);
    const auto size = static_cast<std::uint16_t>(text.size() | (is_cut ? log_text_cut : 0u));
    put(&size, sizeof size);
    put(text.data(), text.size());
}

template <class Put>
struct ValueEncoder {
    const Put& put;

    void operator()(std::monostate) const {}
    void operator()(std::string_view text) const { encode_text(put, text, Log::text_bytes_max); }
    void operator()(const Address* value) const { put(value, sizeof *value); }
    void operator()(const NodeId* value) const { put(value, sizeof *value); }
    template <class T>
    void operator()(const T& value) const {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
        put(&value, sizeof value);
    }
};

template <class Put>
void encode(const Put& put, LogLevel level, WallTime time, std::string_view text, const Field (&fields)[4]) {
    const Ticks ticks = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
    put(&ticks, sizeof ticks);
    put(&level, sizeof level);
    encode_text(put, text, Log::text_bytes_max);
    for (const auto& field : fields) {
        if (field.name.empty()) continue;
        encode_text(put, field.name, Log::name_bytes_max);
        const auto kind = static_cast<std::uint8_t>(field.value.variant().index());
        put(&kind, sizeof kind);
        std::visit(ValueEncoder<Put>{put}, field.value.variant());
    }
}

class Decoder {
public:
    explicit Decoder(std::string_view record) : rest_(record) {}

    bool empty() const { return rest_.empty(); }
    template <class T>
    T take() {
        T value{};
        rest_.copy(reinterpret_cast<char*>(&value), sizeof value);
        rest_.remove_prefix(sizeof value);
        return value;
    }
    /// Answers whether it was cut.
    bool take_text(std::string_view& text) {
        const auto size = take<std::uint16_t>();
        text = rest_.substr(0, size & ~log_text_cut);
        rest_.remove_prefix(text.size());
        return (size & log_text_cut) != 0;
    }

private:
    std::string_view rest_;
};

void append_text(std::string& out, Decoder& in) {
    std::string_view text;
    const bool is_cut = in.take_text(text);
    append_escaped(out, text);
    if (is_cut) out += "...";
}

template <std::size_t Index = 0>
void append_kind(std::string& out, std::size_t kind, Decoder& in) {
    if constexpr (Index < std::variant_size_v<Value::Variant>) {
        using T = std::variant_alternative_t<Index, Value::Variant>;
        if (kind != Index) return append_kind<Index + 1>(out, kind, in);
        if constexpr (std::is_same_v<T, std::monostate>) {
            append_value(out, {});
        } else if constexpr (std::is_same_v<T, std::string_view>) {
            std::string_view text;
            const bool is_cut = in.take_text(text);
            append_value(out, text);
            if (is_cut) out += "...";
        } else if constexpr (std::is_pointer_v<T>) {
            append_value(out, in.take<std::remove_const_t<std::remove_pointer_t<T>>>());
        } else {
            append_value(out, in.take<T>());
        }
    }
}

}  // namespace

bool encode_log_line(LogRing& ring, LogLevel level, WallTime time, std::string_view text,
                     const Field (&fields)[4]) {
    std::size_t length = 0;
    const auto measure = [&length](const void*, std::size_t size) { length += size; };
    encode(measure, level, time, text, fields);
    if (!ring.begin(length)) return false;
    const auto put = [&ring](const void* data, std::size_t size) { ring.put(data, size); };
    encode(put, level, time, text, fields);
    ring.commit();
    return true;
}

void append_log_prefix(std::string& out, LogLevel level, std::string_view log_name) {
    constexpr std::size_t width = 6;
    const auto start = out.size();
    out += name(level);
    out.append(width - (out.size() - start), ' ');
    append_escaped(out, log_name);
    out += ": ";
}

LogLineHead append_log_line(std::string& out, std::string_view record, std::string_view log_name) {
    Decoder in(record);
    const auto time =
        WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds(in.take<Ticks>())));
    const auto level = in.take<LogLevel>();
    append_log_prefix(out, level, log_name);
    append_text(out, in);
    while (!in.empty()) {
        out += ' ';
        append_text(out, in);
        out += '=';
        append_kind(out, in.take<std::uint8_t>(), in);
    }
    return {level, time};
}

}  // namespace penstock::core
