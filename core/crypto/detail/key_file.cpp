// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/detail/key_file.hpp>

#include <cerrno>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

namespace penstock::crypto::detail {
namespace {

class File {
public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int operator*() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }

private:
    int descriptor_;
};

constexpr core::Error refused(const char* text) { return {core::Domain::settings, 1, text}; }

/// The directory's entry has to reach the disk, too.
bool sync_directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const File directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return directory.is_open() && ::fsync(*directory) == 0;
}

bool write_all(int descriptor, Bytes text) {
    while (!text.empty()) {
        const auto count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        text = text.from(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

Result<Bytes> read_key_file(const std::string& path, KeyFileText& room) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file.is_open()) return fail(Error::os(errno, "open key file"));
    struct stat facts{};
    if (::fstat(*file, &facts) != 0) return fail(Error::os(errno, "look at key file"));
    if (!S_ISREG(facts.st_mode)) return fail(refused("the key file is not a plain file"));
    if ((facts.st_mode & 077) != 0) return fail(refused("the key file is open to others: chmod 600 FILE"));
    auto* const begin = room.writable().data();
    std::size_t size = 0;
    while (size < room.size_bytes) {
        const auto count = ::read(*file, begin + size, room.size_bytes - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(Error::os(errno, "read key file"));
        if (count == 0) return Bytes(begin, size);
        size += static_cast<std::size_t>(count);
    }
    return fail(refused("the file is too long for a key file"));
}

Result<void> write_key_file(const std::string& path, Bytes text) {
    const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return fail(Error::os(errno, "make key file"));
    if (::fchmod(*file, 0600) == 0 && write_all(*file, text) && ::fsync(*file) == 0 &&
        sync_directory_of(path))
        return {};
    const auto error = Error::os(errno, "write key file");
    ::unlink(path.c_str());
    return fail(error);
}

bool from_hex(Bytes digits, Secret<32>& out) {
    std::size_t count = 0;
    if (digits.size() != 2 * out.size_bytes ||
        sodium_hex2bin(out.data(), out.size_bytes, reinterpret_cast<const char*>(digits.data()),
                       digits.size(), nullptr, &count, nullptr) != 0)
        return false;
    return count == out.size_bytes && !out.is_zero();
}

Secret<65> to_hex(const Secret<32>& key) {
    Secret<65> out;
    sodium_bin2hex(reinterpret_cast<char*>(out.data()), out.size_bytes, key.data(), key.size_bytes);
    return out;
}

}  // namespace penstock::crypto::detail
