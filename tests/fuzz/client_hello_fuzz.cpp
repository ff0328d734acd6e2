// SPDX-License-Identifier: Apache-2.0
// What a stranger posts to /enc_init: as bytes, and as a payload inside good encryption.
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/hello.hpp>
#include <penstock/stream/server_handshake.hpp>

#include <array>
#include <cstdlib>
#include <string>

using namespace penstock;
using namespace penstock::stream;

namespace {

/// The body of a client that shakes hands by the rules and says `payload` in message 1.
std::string hello_with(crypto::Algorithms& algorithms, Bytes payload) {
    static core::SeededRandom random(1);
    static const auto key = crypto::X25519Pair::make(random);
    std::string out;
    append_client_hello_head(out, crypto::Suite::aes_gcm);
    const std::array<crypto::Secret<32>, 2> psks;
    crypto::HandshakeState client(algorithms, crypto::xx_psk0_psk3, crypto::Suite::aes_gcm,
                                  crypto::HandshakeState::Role::initiator, {out, psks, &key, {}});
    const auto at = out.size();
    out.resize(at + payload.size() + client.overhead_bytes());
    if (!client.write(algorithms, random, payload, std::as_writable_bytes(std::span(out)).subspan(at)))
        std::abort();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static crypto::Algorithms algorithms;
    const Bytes input(std::span<const std::uint8_t>(data, size));
    const auto hello = parse_client_hello(input);
    if (hello) {
        std::string again;
        append_client_hello_head(again, hello->suite);
        if (again + std::string(hello->message_1.text()) != input.text()) std::abort();
    }
    ServerHandshake server(algorithms, {});
    const auto read = server.read(input);
    if (hello ? !read && is(read.error(), crypto::Code::version) : bool(read)) std::abort();

    const auto payload = parse_payload_1(input);
    if (size > client_hello_bytes_max - 10 - 48) return 0;
    ServerHandshake inside(algorithms, {});
    if (bool(inside.read(hello_with(algorithms, input))) != bool(payload)) std::abort();
    return 0;
}
