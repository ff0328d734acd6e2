// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>

#include <fstream>
#include <sstream>
#include <string>

#include <support/temporary_folder.hpp>
#include <sys/stat.h>

namespace penstock::test {

/// A temporary folder for files whose mode matters.
class KeyFolder {
public:
    std::string path(const std::string& name) const { return folder_.file(name); }
    /// Makes or replaces a file; answers its path.
    std::string file(const std::string& name, const std::string& text, ::mode_t mode) const {
        std::ofstream(path(name), std::ios::binary) << text;
        PENSTOCK_ASSERT(::chmod(path(name).c_str(), mode) == 0);
        return path(name);
    }
    std::string read(const std::string& name) const {
        std::ostringstream out;
        out << std::ifstream(path(name), std::ios::binary).rdbuf();
        return out.str();
    }

private:
    TemporaryFolder folder_;
};

}  // namespace penstock::test
