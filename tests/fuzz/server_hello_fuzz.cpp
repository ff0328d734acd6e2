// SPDX-License-Identifier: Apache-2.0
// What a server answers, as bytes; and what either side says inside good encryption: payloads 2 and 3.
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/client_handshake.hpp>
#include <penstock/stream/hello.hpp>

#include <array>
#include <cstdlib>
#include <string>

using namespace penstock;
using namespace penstock::stream;

namespace {

/// The answer of a server that shakes hands by the rules and says `payload` in message 2.
std::string answer_with(crypto::Algorithms& algorithms, core::Random& random, Bytes hello, Bytes payload) {
    static const auto key = crypto::X25519Pair::make(random);
    const std::array<crypto::Secret<32>, 2> psks;
    crypto::HandshakeState server(algorithms, crypto::xx_psk0_psk3, crypto::Suite::aes_gcm,
                                  crypto::HandshakeState::Role::responder,
                                  {hello.first(client_hello_head_bytes), psks, &key, {}});
    std::array<std::byte, 64> room;
    if (!server.read(algorithms, hello.from(client_hello_head_bytes), room)) std::abort();
    std::string out;
    append_server_hello_head(out);
    out.resize(server_hello_head_bytes + payload.size() + server.overhead_bytes());
    if (!server.write(algorithms, random, payload,
                      std::as_writable_bytes(std::span(out)).subspan(server_hello_head_bytes)))
        std::abort();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static crypto::Algorithms algorithms;
    static core::SeededRandom random(2);
    const Bytes input(std::span<const std::uint8_t>(data, size));
    const auto hello = parse_server_hello(input);
    if (hello && hello->message_2.size() + server_hello_head_bytes != size) std::abort();
    const auto error = parse_error_body(input);
    if (error) {
        std::string again;
        append_error_body(again, *error);
        if (again != input.text()) std::abort();
    }
    const auto third = parse_payload_3(input);
    if (third && third->certificate.size() > crypto::Certificate::bytes_max) std::abort();

    const auto payload = parse_payload_2(input);
    if (!payload && size % 16 != 0) return 0;  // the rest costs some DH: for a part of what is refused
    if (size > server_hello_bytes_max - 200) return 0;
    ClientHandshake client(algorithms, random, {});
    const auto offer = client.read(answer_with(algorithms, random, client.hello(), input), {}, {});
    if (offer) std::abort();  // nobody here can sign for that static key
    if (!payload && !is(offer.error(), crypto::Code::protocol)) std::abort();
    return 0;
}
