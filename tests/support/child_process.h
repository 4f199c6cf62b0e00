// A program that a test runs beside itself, without a shell. It is killed at the latest when this object goes, or when
// the test's process dies.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weir::test {

class ChildProcess {
 public:
  // Where `name` lies on the path of programs, /usr/sbin included.
  [[nodiscard]] static std::optional<std::string> find_program(const std::string& name);

  // Starts `arguments`, the first of which is the program's path. What it prints goes to the file at `output_path`.
  // Fails the test when it cannot.
  ChildProcess(std::vector<std::string> arguments, const std::string& output_path);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  [[nodiscard]] bool is_running();
  void send_signal(int signal) const;
  // Sends `signal` (SIGKILL, SIGTERM) and waits until the process is gone.
  void end(int signal);

 private:
  pid_t pid_ = -1;  // -1: gone
};

// A TCP port of 127.0.0.1 that nobody listens on at the moment.
[[nodiscard]] std::uint16_t free_port();

}  // namespace weir::test
