// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PENSTOCK_SANITIZED
#endif
#endif
#ifdef PENSTOCK_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

// Beside what failed under a CAPTURE(seed): the command that runs its test case with that seed alone.

namespace {

class Replay final : public doctest::IReporter {
public:
    explicit Replay(const doctest::ContextOptions&) {
        current = this;
#ifdef PENSTOCK_SANITIZED
        __sanitizer_set_death_callback([] { current->tell(); });
#endif
    }
    void test_case_start(const doctest::TestCaseData& data) override { test_case_ = data.m_name; }
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void log_assert(const doctest::AssertData& data) override {
        if (data.m_failed) tell();
    }
    void test_case_exception(const doctest::TestCaseException&) override { tell(); }

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override {}
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}

private:
    void tell() {
        for (int i = 0; i < get_num_active_contexts(); ++i) {
            std::ostringstream text;
            get_active_contexts()[i]->stringify(&text);
            tell(text.str());
        }
        for (int i = 0; i < get_num_stringified_contexts(); ++i)
            tell(get_stringified_contexts()[i].c_str());  // of scopes that an exception left
    }
    void tell(std::string_view captured) {
        constexpr std::string_view what = "seed := ";
        if (!captured.starts_with(what)) return;
        std::string command = "PENSTOCK_SEED=" + std::string(captured.substr(what.size())) + ' ' +
                              program_invocation_name + " -tc=\"";
        for (const char c : std::string_view(test_case_)) {
            if (c == ',' || c == '"') command += '\\';  // a filter ends at a comma
            command += c;
        }
        if (told_.insert(command).second) std::cerr << "replay: " << command << "\"\n";
    }

    static inline Replay* current = nullptr;
    const char* test_case_ = "";
    std::set<std::string> told_;
};

REGISTER_LISTENER("replay", 1, Replay);

}  // namespace
