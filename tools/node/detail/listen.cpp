// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/site.hpp>

#include <cerrno>

namespace penstock::node {

std::string listen_problem(const Address& address, const Error& error, const char* where) {
    auto out = "cannot listen on " + address.text() + ": " + error.message();
    const auto is = [&](int number) { return error == Error::os(number); };
    if (is(EADDRINUSE))
        out += std::string("; is it running already? Choose another port by ") + where;
    else if (is(EACCES))
        out += std::string("; ports below 1024 are root's: choose another by ") + where;
    else if (is(EADDRNOTAVAIL))
        out += std::string("; this machine has no such address: choose another by ") + where;
    return out;
}

}  // namespace penstock::node
