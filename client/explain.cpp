// SPDX-License-Identifier: Apache-2.0
#include <penstock/client/explain.hpp>

namespace penstock::client {

Error explained(crypto::Code code) {
    using crypto::Code;
    using crypto::error;
    switch (code) {
        case Code::network_key:
            return error(code, "network key: this node's network has another one than ours, or none");
        case Code::version: return error(code, "version: this node speaks another version of the protocol");
        case Code::overload: return error(code, "overload: this node has too much to do now");
        case Code::rate_limited: return error(code, "rate limited: this node was asked too often from here");
        case Code::key_unknown: return error(code, "key unknown: this node has forgotten our key");
        case Code::auth_required:
            return error(code, "authentication required: this node wants to know who asks: set an identity");
        case Code::auth_refused:
            return error(code, "authentication refused: this node does not list our identity as a client's");
        case Code::quota: return error(code, "quota: this node has enough sessions of our identity");
        case Code::channel_unknown:
            return error(code, "channel unknown: this node has no channels of a letter that we need");
        case Code::channel_denied:
            return error(code, "channel denied: this node refuses us channels of a letter that we need");
        default: return error(code);
    }
}

}  // namespace penstock::client
