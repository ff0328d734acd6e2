// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/wire.hpp>

#include <cstddef>
#include <iterator>

namespace penstock::stream {

/// Walks over entries on the wire that were checked before, in place: `static bool read(crypto::Reader&,
/// Entry&)` takes one from the front of the bytes.
template <class Entry>
class EntryIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Entry;
    using difference_type = std::ptrdiff_t;
    using pointer = const Entry*;
    using reference = const Entry&;

    EntryIterator() : EntryIterator({}, 0) {}
    EntryIterator(Bytes bytes, std::size_t left) : reader_(bytes), left_(left) { read(); }
    const Entry& operator*() const { return entry_; }
    const Entry* operator->() const { return &entry_; }
    EntryIterator& operator++() {
        --left_;
        read();
        return *this;
    }
    EntryIterator operator++(int) {
        auto out = *this;
        ++*this;
        return out;
    }
    friend bool operator==(const EntryIterator& a, const EntryIterator& b) { return a.left_ == b.left_; }

private:
    void read() {
        if (left_ > 0) (void)Entry::read(reader_, entry_);
    }
    crypto::Reader reader_;
    std::size_t left_;
    Entry entry_{};
};

}  // namespace penstock::stream
