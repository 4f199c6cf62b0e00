// Server: everything that `weir serve` runs, put together: metadata store, directory, cell, front ends, ports.
//
// Threading: made, used and stopped on core 0 of its runtime.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "cell/local_cell.h"
#include "cli/all_settings.h"
#include "cli/credentials_watcher.h"
#include "cli/front_ends.h"
#include "cli/process_watch.h"
#include "directory/directory.h"
#include "directory/local_directory.h"
#include "env/runtime.h"
#include "frontend/admin/admin_handler.h"
#include "frontend/health.h"
#include "frontend/local_call_rates.h"
#include "metastore/metastore.h"
#include "net/server.h"

namespace weir::cli {

class Server {
 public:
  // `directory` is the data directory, which exists. What is passed by reference outlives the server. Errors: the first
  // that a part reports, saying what was being started; nothing is left running.
  [[nodiscard]] static env::Task<Result<std::unique_ptr<Server>>> start(env::Runtime& runtime,
                                                                        const AllSettings& settings,
                                                                        MetricsRegistry& registry,
                                                                        std::string directory);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  [[nodiscard]] const env::Endpoint& plain_endpoint() const noexcept { return plain_->local(); }
  [[nodiscard]] const env::Endpoint* tls_endpoint() const noexcept { return tls_ ? &tls_->local() : nullptr; }
  [[nodiscard]] const env::Endpoint& admin_endpoint() const noexcept { return admin_->local(); }
  // The file that TLS clients can trust.
  [[nodiscard]] const std::string& tls_certificate_file() const noexcept { return tls_certificate_file_; }
  [[nodiscard]] const CredentialsWatcher& credentials() const noexcept { return *credentials_; }

  // Takes no new requests, answers those in flight, makes everything durable, closes. Once.
  [[nodiscard]] env::Task<void> stop();

 private:
  Server(env::Runtime& runtime, const AllSettings& settings, MetricsRegistry& registry, std::string directory);

  [[nodiscard]] env::Task<Result<void>> open_admin_port();
  [[nodiscard]] env::Task<Result<void>> open_storage();
  [[nodiscard]] env::Task<Result<void>> open_front_ends();
  [[nodiscard]] env::Task<Result<void>> open_ports();
  env::Runtime& runtime_;
  env::Core& core_;
  const AllSettings& settings_;
  MetricsRegistry& registry_;
  std::string directory_path_;
  std::string tls_certificate_file_;

  std::unique_ptr<env::FileLock> lock_;
  frontend::Health health_;
  net::HttpMetrics http_metrics_;
  net::HttpResources http_;
  frontend::FrontEndMetrics front_end_metrics_;
  frontend::CallRateMetrics call_rate_metrics_;
  directory::DirectoryMetrics directory_metrics_;
  journal::JournalMetrics journal_metrics_;
  frontend::LocalCallRates call_rates_;
  std::unique_ptr<cell::CellMetrics> cell_metrics_;  // known once the number of lanes is
  std::unique_ptr<cell::CellContext> cell_context_;

  std::unique_ptr<metastore::Metastore> metastore_;
  std::unique_ptr<directory::Directory> directory_;
  std::unique_ptr<directory::LocalDirectory> directory_client_;
  std::unique_ptr<cell::LocalCell> cell_;
  std::unique_ptr<CredentialsWatcher> credentials_;
  std::unique_ptr<frontend::Services> services_;
  std::unique_ptr<FrontEnds> front_ends_;
  std::unique_ptr<MapPublisher> publisher_;
  bool directory_started_ = false;
  frontend::AdminHandler admin_handler_;
  ProcessMetrics process_metrics_;
  ProcessWatch watch_;
  std::unique_ptr<net::HttpServer> admin_;
  std::unique_ptr<net::HttpServer> plain_;
  std::unique_ptr<net::HttpServer> tls_;
};

}  // namespace weir::cli
