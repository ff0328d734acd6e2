// SPDX-License-Identifier: Apache-2.0
// nginx as a server under test: writes a settings file into a temporary folder, runs nginx with one worker,
// and takes both away on SIGTERM.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <bench/peers/port.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace penstock::bench;

bool write_settings(const std::string& folder, std::uint16_t port) {
    std::ofstream out(folder + "/nginx.conf");
    out << "daemon off;\nworker_processes 1;\npid " << folder << "/pid;\nerror_log stderr crit;\n"
        << "events { worker_connections 16384; }\n"
        << "http {\n  access_log off;\n  keepalive_requests 1000000000;\n  keepalive_timeout 1h;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        out << "  " << kind << "_temp_path " << folder << "/" << kind << ";\n";
    out << "  server {\n    listen 127.0.0.1:" << port << " backlog=1024;\n    default_type text/plain;\n"
        << "    location / { return 200 \"Hello, World!\"; }\n  }\n}\n";
    out.close();
    return !out.fail();
}

/// Lost when this process dies first: then the kernel tells nginx.
pid_t start(const std::string& folder, const sigset_t& mask_before) {
    const auto pid = ::fork();
    if (pid != 0) return pid;
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &mask_before, nullptr);
    const auto settings = folder + "/nginx.conf";
    const auto log = folder + "/start.log";  // else nginx first opens the system's
    for (const char* program : {"nginx", "/usr/sbin/nginx"})
        ::execlp(program, "nginx", "-p", folder.c_str(), "-c", settings.c_str(), "-e", log.c_str(), nullptr);
    std::perror("nginx");
    ::_exit(127);
}

}  // namespace

int main(int argc, char** argv) {
    const auto port = port_argument(argc, argv);
    std::error_code ignored;
    auto folder = (std::filesystem::temp_directory_path(ignored) / "bench-nginx-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) give_up("mkdtemp");
    sigset_t awaited, before;
    ::sigemptyset(&awaited);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&awaited, signal);
    ::sigprocmask(SIG_BLOCK, &awaited, &before);

    const auto nginx = write_settings(folder, port) ? start(folder, before) : -1;
    int status = 1;
    if (nginx > 0) {
        int signal = 0;
        ::sigwait(&awaited, &signal);
        if (signal != SIGCHLD) {
            ::kill(nginx, SIGTERM);
            status = 0;
        }
        ::waitpid(nginx, nullptr, 0);
    }
    std::filesystem::remove_all(folder, ignored);
    return status;
}
