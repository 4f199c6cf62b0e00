// weir-bench: load on one port, the load of a tenant, idle connections, or a probe of the disk or of RADOS. Prints one
// line of JSON.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <ctime>
#include <fstream>

#include "load/disk_probe.h"
#include "load/load.h"
#include "load/rados_probe.h"
#include "load/requests.h"
#include "load/tenant_load.h"
#include "load/tenant_plan.h"

namespace {

using namespace weir::bench;

double microseconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; }

std::string latency_json(const Histogram& latency) {
  return fmt::format(R"("p50_us": {:.1f}, "p90_us": {:.1f}, "p99_us": {:.1f}, "p999_us": {:.1f}, "max_us": {:.1f})",
                     microseconds(latency.percentile_ns(0.5)), microseconds(latency.percentile_ns(0.9)),
                     microseconds(latency.percentile_ns(0.99)), microseconds(latency.percentile_ns(0.999)),
                     microseconds(latency.maximum_ns()));
}

struct Options {
  LoadOptions load;
  std::string protocol = "kinesis";
  std::string operation = "PutRecord";
  std::string bodies_file;
  Signing signing;
  unsigned idle_connections = 10'000;
  std::string directory = ".";
  std::uint64_t bytes = 1024;
  RadosProbeOptions rados;
};

std::vector<std::string> read_requests(const Options& options) {
  std::ifstream file(options.bodies_file);
  if (!file) fail(options.bodies_file + ": cannot be read");
  const std::string host = fmt::format("127.0.0.1:{}", options.load.port);
  const std::time_t now = std::time(nullptr);
  std::vector<std::string> requests;
  for (std::string line; std::getline(file, line);) {
    requests.push_back(options.protocol == "redis"
                           ? redis_request(line)
                           : kinesis_request(host, options.operation, line, options.signing, now));
  }
  if (requests.empty()) fail(options.bodies_file + ": is empty");
  return requests;
}

int load(Options& options) {
  options.load.protocol = options.protocol == "redis" ? Protocol::redis : Protocol::http;
  options.load.requests = read_requests(options);
  const LoadResult result = run_load(options.load);
  fmt::print(
      R"({{"seconds": {:.3f}, "good": {}, "bad": {}, "per_second": {:.1f}, "bytes_received": {}, "answer_bytes_least": {}, "answer_bytes_most": {}, "never_sent": {}, {}}})"
      "\n",
      result.seconds, result.good, result.bad, static_cast<double>(result.good) / result.seconds, result.bytes_received,
      result.answer_bytes_least, result.answer_bytes_most, result.never_sent, latency_json(result.latency));
  if (!result.first_bad_answer.empty()) fmt::print(stderr, "a bad answer: {}\n", result.first_bad_answer);
  return result.bad == 0 ? 0 : 1;
}

void add_load(CLI::App& app, Options& options, int& exit_code) {
  CLI::App* command = app.add_subcommand("load", "Closed or open load, measured");
  command->add_option("--port", options.load.port, "Port on 127.0.0.1")->required();
  command->add_option("--protocol", options.protocol, "kinesis or redis")->check(CLI::IsMember({"kinesis", "redis"}));
  command->add_option("--operation", options.operation, "Operation of the Kinesis API");
  command->add_option("--bodies", options.bodies_file, "File with one request's body (or Redis command) a line")
      ->required();
  command->add_option("--expect", options.load.expected, "Text that a good answer holds");
  command->add_option("--connections", options.load.connections);
  command->add_option("--threads", options.load.threads)->check(CLI::Range(1, 64));
  command->add_option("--rate", options.load.rate_per_second, "Requests per second in an open loop; 0: closed loop");
  command->add_option("--seconds", options.load.seconds);
  command->add_option("--warm-up", options.load.warm_up_seconds, "Seconds before measuring");
  command->add_option("--requests", options.load.requests_max, "End after so many; 0: by time alone");
  command->callback([&options, &exit_code] { exit_code = load(options); });
}

void add_others(CLI::App& app, Options& options) {
  CLI::App* idle = app.add_subcommand("idle", "Hold idle connections until standard input ends");
  idle->add_option("--port", options.load.port, "Port on 127.0.0.1")->required();
  idle->add_option("--connections", options.idle_connections);
  idle->callback([&options] {
    const std::string host = fmt::format("127.0.0.1:{}", options.load.port);
    hold_idle_connections(options.load.port, options.idle_connections,
                          kinesis_request(host, "DescribeLimits", "{}", options.signing, std::time(nullptr)));
  });
  CLI::App* disk = app.add_subcommand("disk", "Appends with fdatasync, one after the other");
  disk->add_option("--directory", options.directory);
  disk->add_option("--bytes", options.bytes, "Bytes of each append")->check(CLI::Range(1, 1 << 24));
  disk->add_option("--seconds", options.load.seconds);
  disk->callback([&options] {
    const DiskProbe probe = probe_disk(options.directory, options.bytes, options.load.seconds);
    fmt::print("{{\"syncs\": {}, \"bytes\": {}, {}}}\n", probe.latency.count(), probe.bytes_each,
               latency_json(probe.latency));
  });
}

void add_rados(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand("rados", "Guarded appends to objects, one in flight for each lane");
  command->add_option("--configuration", options.rados.configuration_file, "ceph.conf")->required();
  command->add_option("--pool", options.rados.pool)->required();
  command->add_option("--lanes", options.rados.lanes)->check(CLI::Range(1, 64));
  command->add_option("--bytes", options.rados.bytes, "Bytes of each append")->check(CLI::Range(1, 1 << 24));
  command->add_option("--seconds", options.rados.seconds);
  command->callback([&options] {
    const RadosProbe probe = probe_rados(options.rados);
    fmt::print("{{\"good\": {}, \"per_second\": {:.1f}, \"bytes\": {}, {}}}\n", probe.latency.count(),
               static_cast<double>(probe.latency.count()) / probe.seconds, options.rados.bytes,
               latency_json(probe.latency));
  });
}

void add_tenant(CLI::App& app, std::string& plan_file) {
  CLI::App* command = app.add_subcommand("tenant", "The load of one tenant at fixed rates; see tenant_plan.h");
  command->add_option("plan", plan_file, "File with the plan, in JSON")->required();
  command->callback([&plan_file] {
    const TenantPlan plan = read_tenant_plan(plan_file);
    fmt::print("{}\n", tenant_json(plan, run_tenant(plan)));
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"weir-bench: load, idle connections and a disk probe for bench/run.py"};
  app.require_subcommand(1);
  Options options;
  int exit_code = 0;
  add_load(app, options, exit_code);
  add_others(app, options);
  add_rados(app, options);
  std::string plan_file;
  add_tenant(app, plan_file);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
