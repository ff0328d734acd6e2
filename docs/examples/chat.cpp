// SPDX-License-Identifier: Apache-2.0
// A node whose channel C is a chat. Talk to it by send.cpp.
#include "chat.hpp"

int main(int argc, char** argv) { return Node(argc, argv).channels(chat).run(); }
