// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/head.hpp>

namespace penstock::http {

void RequestHead::clear() {
    fields_.clear();
    content_length_.reset();
    method_text_ = target_ = path_ = query_ = host_ = {};
    method_ = Method::other;
    form_ = TargetForm::origin;
    version_minor_ = 1;
    chunked_ = keep_alive_ = expects_continue_ = wants_upgrade_ = false;
}

std::string_view RequestHead::empty_path() const {
    if (form_ == TargetForm::absolute) return method_ == Method::options && query_.bytes == 0 ? "*" : "/";
    return {};
}

}  // namespace penstock::http
