// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/result.hpp>

#include <cstdio>
#include <cstring>

namespace penstock::core {
namespace {

const char* name(Domain domain) {
    switch (domain) {
        case Domain::os: return "system";
        case Domain::tls: return "tls";
        case Domain::http: return "http";
        case Domain::stream: return "stream";
        case Domain::dns: return "dns";
        case Domain::settings: return "settings";
        case Domain::proc: return "processor";
        case Domain::user: return "application";
    }
    return "unknown";
}

}  // namespace

std::string Error::message() const {
    if (!*this) return "no error";
    std::string out;
    if (domain_ == Domain::os) {
        if (text_ != nullptr) out = text_;
        if (code_ == 0) return out;
        if (!out.empty()) out += ": ";
        char room[128];
        return out += ::strerror_r(code_, room, sizeof room);
    }
    if (text_ != nullptr) return text_;
    return std::string(name(domain_)) + " error " + std::to_string(code_);
}

int complain(const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.message().c_str());
    return 1;
}

}  // namespace penstock::core
