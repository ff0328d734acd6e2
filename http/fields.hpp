// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace penstock::http {

struct FieldView {
    std::string_view name;   ///< as it was sent
    std::string_view value;  ///< without white space around it

    static constexpr bool sendable = false;
};

/// Fields that are read for framing are recognized while they are parsed.
enum class FieldId : std::uint8_t {
    unknown,
    host,
    expect,
    upgrade,
    connection,
    content_length,
    transfer_encoding,
};

/// The fields of a head or of trailers, in order, as views into bytes that somebody else holds. It stores
/// offsets: when the bytes move, `rebase` follows them. Reused, it does not allocate. Made by FieldScanner.
class Fields {
public:
    std::size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    FieldView operator[](std::size_t at) const {
        const auto& entry = entries_[at];
        return {{base_ + entry.name_at, entry.name_bytes}, {base_ + entry.value_at, entry.value_bytes}};
    }
    FieldId id(std::size_t at) const { return entries_[at].id; }

    /// The first value with this name, in any case; empty when there is none. Cost: a pass over the names'
    /// lengths.
    std::string_view value(std::string_view name) const;
    bool has(std::string_view name) const;

    class Iterator {
    public:
        Iterator(const Fields& fields, std::size_t at) : fields_(&fields), at_(at) {}
        FieldView operator*() const { return (*fields_)[at_]; }
        Iterator& operator++() {
            ++at_;
            return *this;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

    private:
        const Fields* fields_;
        std::size_t at_;
    };
    Iterator begin() const { return {*this, 0}; }
    Iterator end() const { return {*this, size()}; }

    void rebase(const char* base) { base_ = base; }
    void clear() { entries_.clear(); }

    static constexpr bool sendable = false;

private:
    friend class FieldScanner;
    friend class ChunkedReader;
    struct Entry {
        std::uint32_t name_at;
        std::uint32_t value_at;
        std::uint32_t value_bytes;
        std::uint16_t name_bytes;
        FieldId id;
    };
    static_assert(sizeof(Entry) == 16);
    std::size_t find(std::string_view name) const;  // size() when there is none

    const char* base_ = nullptr;
    std::vector<Entry> entries_;
};

}  // namespace penstock::http
