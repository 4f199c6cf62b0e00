#include "tests/support/etcd_server.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "env/runtime.h"
#include "gtest/gtest.h"

namespace weir::test {
namespace {

constexpr int polls_max = 1000;
constexpr useconds_t poll_microseconds = 20'000;
constexpr Duration wait_max = seconds(60);

std::string url(const std::string& scheme, const std::string& address, std::uint16_t port) {
  return scheme + "://" + address + ":" + std::to_string(port);
}

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Whether something at `endpoint` says that it is healthy.
env::Task<int> ask_health(env::Core& core, env::Endpoint endpoint) {
  const MonotonicTime deadline = core.now() + seconds(1);
  auto connection = co_await core.network().connect(endpoint, deadline);
  if (!connection) co_return 1;
  const std::string request = "GET /health HTTP/1.1\r\nHost: etcd\r\nConnection: close\r\n\r\n";
  const std::array<BytesView, 1> parts{as_bytes(request)};
  std::string answer;
  std::array<std::byte, 4096> piece;
  if (!co_await (*connection)->write_all(parts, deadline)) co_return 1;
  for (;;) {
    const auto got = co_await (*connection)->read_some(piece, deadline);
    if (!got || *got == 0) break;
    answer.append(as_text(BytesView(piece).first(*got)));
  }
  co_return answer.contains(R"("health":"true")") ? 0 : 1;
}

}  // namespace

EtcdServer::EtcdServer(std::vector<std::string> flags, std::string scheme, Member self, std::string all_members)
    : flags_(std::move(flags)),
      scheme_(std::move(scheme)),
      self_(std::move(self)),
      all_members_(std::move(all_members)),
      endpoint_{"127.0.0.1", free_port()} {
  std::string pattern = std::filesystem::temp_directory_path() / "weir-etcd-XXXXXX";
  directory_ = mkdtemp(pattern.data());
}

EtcdServer::EtcdServer(std::vector<std::string> flags, std::string scheme)
    : EtcdServer(std::move(flags), std::move(scheme), Member{.name = "alone", .peer_port = free_port()}, "") {
  all_members_ = list({self_});
  start();
}

std::string EtcdServer::list(const std::vector<Member>& members) {
  std::string text;
  for (const Member& member : members) {
    text += (text.empty() ? "" : ",") + member.name + "=" + url("http", "127.0.0.1", member.peer_port);
  }
  return text;
}

std::vector<std::unique_ptr<EtcdServer>> EtcdServer::make_cluster(std::size_t count) {
  std::vector<Member> members;
  for (std::size_t i = 0; i < count; ++i) members.push_back({"m" + std::to_string(i), free_port()});
  std::vector<std::unique_ptr<EtcdServer>> servers;
  for (const Member& member : members) {
    servers.emplace_back(new EtcdServer({}, "http", member, list(members)));
    servers.back()->launch(servers.back()->endpoint_);
  }
  for (const auto& server : servers) server->wait_until_it_answers();
  return servers;
}

EtcdServer::~EtcdServer() {
  kill();
  std::filesystem::remove_all(directory_);
}

void EtcdServer::kill() { process_.reset(); }

void EtcdServer::pause() const { process_->send_signal(SIGSTOP); }

void EtcdServer::resume() const { process_->send_signal(SIGCONT); }

void EtcdServer::start() {
  launch(endpoint_);
  wait_until_it_answers();
}

env::Endpoint EtcdServer::start_elsewhere() {
  env::Endpoint endpoint{"127.0.0.1", free_port()};
  launch(endpoint);
  wait_until_it_answers();
  return endpoint;
}

void EtcdServer::delete_data() { std::filesystem::remove_all(directory_ + "/data"); }

void EtcdServer::launch(const env::Endpoint& endpoint) {
  health_ = {"127.0.0.1", free_port()};
  const std::string clients = url(scheme_, endpoint.address, endpoint.port);
  const std::string peers = url("http", "127.0.0.1", self_.peer_port);
  std::vector<std::string> arguments{ChildProcess::find_program("etcd").value_or("etcd"),
                                     "--name=" + self_.name,
                                     "--data-dir=" + directory_ + "/data",
                                     "--listen-client-urls=" + clients,
                                     "--advertise-client-urls=" + clients,
                                     "--listen-peer-urls=" + peers,
                                     "--initial-advertise-peer-urls=" + peers,
                                     "--initial-cluster=" + all_members_,
                                     "--listen-metrics-urls=" + url("http", health_.address, health_.port),
                                     "--logger=zap",
                                     "--log-level=error"};
  arguments.insert(arguments.end(), flags_.begin(), flags_.end());
  process_ = std::make_unique<ChildProcess>(std::move(arguments), directory_ + "/log");
}

void EtcdServer::wait_until_it_answers() {
  for (int poll = 0; poll < polls_max && process_->is_running(); ++poll) {
    const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
    if (runtime->run([&] { return ask_health(runtime->core(0), health_); }) == 0) return;
    usleep(poll_microseconds);
  }
  ADD_FAILURE() << "etcd does not start: " << file_text(directory_ + "/log");
}

void run_real(std::function<env::Task<void>(env::Core&)> main) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 2});
  const auto run = [](env::Core& core, const std::function<env::Task<void>(env::Core&)>& body) -> env::Task<int> {
    co_await body(core);
    co_return 0;
  };
  EXPECT_EQ(runtime->run([&] { return run(runtime->core(0), main); }), 0);
}

env::Task<void> wait_until(env::Core& core, std::function<bool()> condition) {
  const MonotonicTime deadline = core.now() + wait_max;
  while (!condition()) {
    if (core.now() >= deadline) {
      ADD_FAILURE() << "what the test waits for does not come";
      co_return;
    }
    co_await core.sleep_for(milliseconds(2));
  }
}

}  // namespace weir::test
