// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/code.hpp>

namespace penstock::crypto {

const char* name(Code code) {
    switch (code) {
        case Code::no_error: return "no error";
        case Code::protocol: return "protocol";
        case Code::internal: return "internal";
        case Code::version: return "version";
        case Code::no_suite: return "no suite";
        case Code::network_key: return "network key";
        case Code::overload: return "overload";
        case Code::rate_limited: return "rate limited";
        case Code::cert_untrusted: return "certificate not trusted";
        case Code::cert_expired: return "certificate expired";
        case Code::identity_mismatch: return "identity mismatch";
        case Code::handshake: return "handshake";
        case Code::signature: return "signature";
        case Code::key_unknown: return "key unknown";
        case Code::replay: return "replay";
        case Code::decrypt: return "decrypt";
        case Code::auth_required: return "authentication required";
        case Code::auth_refused: return "authentication refused";
        case Code::no_session: return "no session";
        case Code::attach_stale: return "attach stale";
        case Code::wrong_node: return "wrong node";
        case Code::resume_bad: return "resume bad";
        case Code::session_lost: return "session lost";
        case Code::quota: return "quota";
        case Code::detached: return "detached";
        case Code::shutdown: return "shutdown";
        case Code::frame: return "frame";
        case Code::flow: return "flow";
        case Code::final_size: return "final size";
        case Code::channel_unknown: return "channel unknown";
        case Code::channel_denied: return "channel denied";
        case Code::channel_limit: return "channel limit";
        case Code::message_too_big: return "message too big";
        case Code::cancelled: return "cancelled";
        case Code::refused: return "refused";
        case Code::offset: return "offset";
        case Code::calm: return "too many resets";
        case Code::timeout: return "timeout";
        case Code::key_update_flood: return "key update flood";
        case Code::aead_limit: return "aead limit";
        case Code::application: break;
    }
    return code >= Code::application ? "application code" : "unknown code";
}

}  // namespace penstock::crypto
