#include "tests/support/child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "gtest/gtest.h"

extern char** environ;

namespace weir::test {

std::optional<std::string> ChildProcess::find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::string folders = std::string(path == nullptr ? "" : path) + ":/usr/local/bin:/usr/bin:/usr/sbin:";
  for (std::size_t begin = 0, end; (end = folders.find(':', begin)) != std::string::npos; begin = end + 1) {
    const std::string candidate = folders.substr(begin, end - begin) + "/" + name;
    if (end != begin && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

ChildProcess::ChildProcess(std::vector<std::string> arguments, const std::string& output_path) {
  // The kernel kills it should the test's process end without its destructors.
  if (const auto setpriv = find_program("setpriv")) {
    arguments.insert(arguments.begin(), {*setpriv, "--pdeathsig", "KILL", "--"});
  }
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int error = posix_spawn(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = -1;
    ADD_FAILURE() << "cannot start " << arguments[0] << ": " << std::strerror(error);
  }
}

ChildProcess::~ChildProcess() { end(SIGKILL); }

bool ChildProcess::is_running() {
  if (pid_ != -1 && waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ != -1;
}

void ChildProcess::send_signal(int signal) const {
  if (pid_ != -1) kill(pid_, signal);
}

void ChildProcess::end(int signal) {
  if (pid_ == -1) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  const bool found = bind(probe, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  close(probe);
  EXPECT_TRUE(found) << "no free port: " << std::strerror(errno);
  return ntohs(address.sin_port);
}

}  // namespace weir::test
