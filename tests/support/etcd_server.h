// An etcd on 127.0.0.1, with a temporary directory and ports of its own; alone or as a member of a cluster.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "env/core.h"
#include "env/network.h"
#include "env/task.h"
#include "tests/support/child_process.h"

namespace weir::test {

// Its functions block, up to some seconds. The object ends the process and removes the directory.
class EtcdServer {
 public:
  [[nodiscard]] static bool is_installed() { return ChildProcess::find_program("etcd").has_value(); }

  // Starts it; `flags` go to etcd. `scheme`: how it talks to clients.
  explicit EtcdServer(std::vector<std::string> flags = {}, std::string scheme = "http");
  // The members of one cluster, all started.
  [[nodiscard]] static std::vector<std::unique_ptr<EtcdServer>> make_cluster(std::size_t count);
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;
  ~EtcdServer();

  [[nodiscard]] const env::Endpoint& endpoint() const noexcept { return endpoint_; }
  // SIGKILL, in the middle of whatever it does.
  void kill();
  // SIGSTOP: its connections stay, but nothing answers; and SIGCONT.
  void pause() const;
  void resume() const;
  // Starts it again with the data that it has, and waits until it answers.
  void start();
  // The same at an endpoint where none of its clients looks for it.
  env::Endpoint start_elsewhere();
  // While it does not run.
  void delete_data();

 private:
  struct Member {
    std::string name;
    std::uint16_t peer_port = 0;
  };
  EtcdServer(std::vector<std::string> flags, std::string scheme, Member self, std::string all_members);
  [[nodiscard]] static std::string list(const std::vector<Member>& members);  // as etcd takes it
  void launch(const env::Endpoint& endpoint);
  void wait_until_it_answers();

  std::vector<std::string> flags_;
  std::string scheme_;
  Member self_;
  std::string all_members_;
  std::string directory_;
  env::Endpoint endpoint_;
  env::Endpoint health_;  // in the clear, whatever its clients do
  std::unique_ptr<ChildProcess> process_;
};

// Runs `main` on a core of the real world.
void run_real(std::function<env::Task<void>(env::Core&)> main);

// Waits until `condition` holds, a minute at most; then the test has failed.
[[nodiscard]] env::Task<void> wait_until(env::Core& core, std::function<bool()> condition);

}  // namespace weir::test
