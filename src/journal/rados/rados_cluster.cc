#include "journal/rados/rados_cluster.h"

#include <rados/librados.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "env/process.h"
#include "fmt/format.h"
#include "journal/rados/object_tag.h"

namespace weir::journal {
namespace {

constexpr const char* epoch_attribute = "epoch";
constexpr const char* tag_attribute = "tag";
constexpr std::uint64_t entries_per_page = 1000;  // Ceph gives 1024 at most

ObjectError error_of(int outcome) noexcept {
  switch (-outcome) {
    case ENOENT: return {ObjectFailure::not_found, ENOENT};
    case EEXIST: return {ObjectFailure::already_exists, EEXIST};
    case ECANCELED: return {ObjectFailure::refused, ECANCELED};
    case ENODATA: return {ObjectFailure::refused, ENODATA};  // a guard on an attribute that the object does not have
    case ENOSPC:
    case EDQUOT: return {ObjectFailure::no_space, -outcome};
    case ETIMEDOUT: return {ObjectFailure::unknown, ETIMEDOUT};
    default: return {ObjectFailure::failed, -outcome};
  }
}

librados::bufferlist list_of(std::string_view text) {
  librados::bufferlist list;
  list.append(text.data(), static_cast<unsigned>(text.size()));
  return list;
}

// One operation on its way. Shared by the coroutine that waits and by librados, so that what the operation reads and
// writes outlives both.
struct Flight {
  explicit Flight(env::Core& home) noexcept : core(home) {}
  env::Core& core;
  env::PostNode node;
  librados::ObjectWriteOperation write;
  librados::ObjectReadOperation read;
  librados::bufferlist bytes;
  std::map<std::string, librados::bufferlist> values;
  std::uint64_t size = 0;
  bool has_more = false;
  int part_outcome = 0;  // of the operation's parts; the whole says the same
  int outcome = 0;
  // The coroutine that waits may be gone when the answer comes; whoever sets this first knows.
  std::atomic<bool> settled{false};
};
using FlightPointer = std::shared_ptr<Flight>;

// On a thread of librados.
void on_answer(librados::completion_t completion, void* argument) {
  const std::unique_ptr<FlightPointer> flight(static_cast<FlightPointer*>(argument));
  Flight& done = **flight;
  done.outcome = rados_aio_get_return_value(completion);
  if (!done.settled.exchange(true)) done.core.post(done.node);
}

// co_await Submission{...}: hands the operation over and resumes on the core when it is answered.
class Submission {
 public:
  Submission(librados::IoCtx& pool, const std::string& object, FlightPointer flight, bool writes)
      : pool_(pool), object_(object), flight_(std::move(flight)), writes_(writes) {}
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;
  ~Submission() { flight_->settled.store(true); }

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) noexcept {
    flight_->node.resume = awaiting;
    auto argument = std::make_unique<FlightPointer>(flight_);
    librados::AioCompletion* const completion = librados::Rados::aio_create_completion(argument.get(), &on_answer);
    int handed_over = -EIO;
    try {
      handed_over = writes_ ? pool_.aio_operate(object_, completion, &flight_->write, librados::OPERATION_FULL_TRY)
                            : pool_.aio_operate(object_, completion, &flight_->read, &flight_->bytes);
    } catch (const std::exception& error) {
      log_error("journal", "librados refuses an operation", {{"object", object_}, {"error", error.what()}});
    }
    completion->release();
    if (handed_over == 0) {
      static_cast<void>(argument.release());  // on_answer frees it
      return true;
    }
    flight_->outcome = handed_over;
    return false;
  }
  [[nodiscard]] int await_resume() const noexcept { return flight_->outcome; }

 private:
  librados::IoCtx& pool_;
  const std::string& object_;
  FlightPointer flight_;
  bool writes_;
};

void add_guards(librados::ObjectWriteOperation& operation, const ObjectWrite& write) {
  if (write.epoch_guard != EpochGuard::none) {
    const auto comparison = write.epoch_guard == EpochGuard::equal   ? LIBRADOS_CMPXATTR_OP_EQ
                            : write.epoch_guard == EpochGuard::above ? LIBRADOS_CMPXATTR_OP_GT
                                                                     : LIBRADOS_CMPXATTR_OP_GTE;
    operation.cmpxattr(epoch_attribute, static_cast<std::uint8_t>(comparison), write.epoch.value);
  }
  if (write.expected_tag) {
    operation.cmpxattr(tag_attribute, LIBRADOS_CMPXATTR_OP_EQ, list_of(*write.expected_tag));
  }
}

// The content is copied: librados may still be sending it when it has given the operation up.
void add_changes(librados::ObjectWriteOperation& operation, const ObjectWrite& write) {
  if (write.create) operation.create(true);
  if (write.remove) operation.remove();
  if (write.truncate_to) operation.truncate(*write.truncate_to);
  if (!write.parts.empty()) {
    librados::bufferlist content;
    for (const BytesView part : write.parts) {
      content.append(reinterpret_cast<const char*>(part.data()), static_cast<unsigned>(part.size()));
    }
    operation.write(write.offset, content);
  }
  if (write.set_epoch) operation.setxattr(epoch_attribute, list_of(std::to_string(write.epoch.value)));
  if (write.set_tag) operation.setxattr(tag_attribute, list_of(*write.set_tag));
  if (!write.remove_entries.empty()) {
    operation.omap_rm_keys({write.remove_entries.begin(), write.remove_entries.end()});
  }
  if (!write.set_entries.empty()) {
    std::map<std::string, librados::bufferlist> entries;
    for (const auto& [key, value] : write.set_entries) entries.emplace(key, list_of(value));
    operation.omap_set(entries);
  }
}

class RadosClusterImpl final : public RadosCluster {
 public:
  explicit RadosClusterImpl(RadosClusterOptions options) : options_(std::move(options)) {}
  ~RadosClusterImpl() override { disconnect(); }

  // Blocks.
  [[nodiscard]] Result<void> connect();
  void disconnect() noexcept;

  env::Task<void> close(env::Core& core) override;
  env::Task<ObjectResult<void>> write(env::Core& core, std::string object, ObjectWrite write) override;
  env::Task<ObjectResult<std::size_t>> read(env::Core& core, std::string object, std::uint64_t offset,
                                            MutableBytes out) override;
  env::Task<ObjectResult<ObjectState>> state(env::Core& core, std::string object) override;
  env::Task<ObjectResult<ObjectEntries>> entries(env::Core& core, std::string object, std::string after) override;
  env::Task<Result<env::DiskSpace>> space(env::Core& core) override;

 private:
  [[nodiscard]] Result<void> configure();
  [[nodiscard]] Result<void> set(const char* option, const std::string& value);
  [[nodiscard]] Result<std::uint64_t> ask_for_copies();
  [[nodiscard]] Result<env::DiskSpace> ask_for_space();

  RadosClusterOptions options_;
  librados::Rados rados_;
  librados::IoCtx pool_;
  std::uint64_t copies_ = 0;  // of each object; 0 when not known
  bool is_connected_ = false;
};

std::unexpected<Error> failed(const std::string& what, int outcome) {
  ErrorCode code = ErrorCode::io;
  if (outcome == -ETIMEDOUT) code = ErrorCode::timeout;
  if (outcome == -ENOENT) code = ErrorCode::not_found;
  if (outcome == -EINVAL) code = ErrorCode::invalid_argument;
  return fail(code, what + ": " + std::generic_category().message(-outcome));
}

Result<void> RadosClusterImpl::set(const char* option, const std::string& value) {
  const int outcome = rados_.conf_set(option, value.c_str());
  if (outcome == 0) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("Ceph option {} = {}: {}", option, value, std::generic_category().message(-outcome)));
}

Result<void> RadosClusterImpl::configure() {
  if (!options_.configuration_file.empty()) {
    const int outcome = rados_.conf_read_file(options_.configuration_file.c_str());
    if (outcome < 0) return failed(options_.configuration_file, outcome);
  }
  const auto whole_seconds = [](Duration duration) {
    return std::to_string(std::max<std::int64_t>(1, std::chrono::ceil<seconds>(duration).count()));
  };
  if (!options_.monitors.empty()) WEIR_CHECK(set("mon_host", options_.monitors));
  if (!options_.keyring_file.empty()) WEIR_CHECK(set("keyring", options_.keyring_file));
  if (!options_.authenticates) {
    for (const char* option : {"auth_cluster_required", "auth_service_required", "auth_client_required"}) {
      WEIR_CHECK(set(option, "none"));
    }
  }
  const std::pair<const char*, std::string> settings[] = {
      {"client_mount_timeout", whole_seconds(options_.connect_timeout)},
      {"rados_mon_op_timeout", whole_seconds(options_.connect_timeout)},
      {"rados_osd_op_timeout", whole_seconds(options_.operation_timeout)},
      // How soon a silent member makes the client ask for a new map; with the defaults that takes ten seconds.
      {"objecter_timeout", "1"},
      {"objecter_tick_interval", "1"},
      // Callers bound what they have in flight; librados would block the event loop to do so.
      {"objecter_inflight_ops", "1000000"},
      {"objecter_inflight_op_bytes", std::to_string(64 * gibibyte)},
      {"log_to_stderr", "false"},
      {"err_to_stderr", "false"},
      {"log_file", ""},
      {"admin_socket", ""},
  };
  for (const auto& [option, value] : settings) WEIR_CHECK(set(option, value));
  return {};
}

Result<void> RadosClusterImpl::connect() {
  WEIR_CHECK(env::try_threads(rados_threads));  // librados aborts the process when it is refused one
  try {
    if (const int outcome = rados_.init(options_.user.c_str()); outcome < 0) return failed("librados", outcome);
    WEIR_CHECK(configure());
    if (const int outcome = rados_.connect(); outcome < 0) return failed("connecting to Ceph", outcome);
    is_connected_ = true;
    const int outcome = rados_.ioctx_create(options_.pool.c_str(), pool_);
    if (outcome < 0) return failed("Ceph pool " + options_.pool, outcome);
    pool_.set_namespace(options_.name_space);
    auto copies = ask_for_copies();
    if (!copies) log_warning("journal", "pool's size not known", {{"error", copies.error().message}});
    copies_ = copies.value_or(0);
  } catch (const std::exception& error) {
    return fail(ErrorCode::io, std::string("connecting to Ceph: ") + error.what());
  }
  log_info("journal", "connected to Ceph",
           {{"pool", options_.pool}, {"namespace", options_.name_space}, {"copies", copies_}});
  return {};
}

void RadosClusterImpl::disconnect() noexcept {
  if (!std::exchange(is_connected_, false)) return;
  pool_.close();
  rados_.shutdown();
}

Result<std::uint64_t> RadosClusterImpl::ask_for_copies() {
  const std::string command =
      fmt::format(R"({{"prefix": "osd pool get", "pool": "{}", "var": "size", "format": "plain"}})", options_.pool);
  librados::bufferlist answer;
  std::string status;
  const int outcome = rados_.mon_command(command, {}, &answer, &status);
  if (outcome < 0) return failed("asking for the pool's size: " + status, outcome);
  std::string text = answer.to_str();  // "size: 3"
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto copies = parse_decimal(std::string_view(text).substr(text.rfind(' ') + 1));
  if (!copies || *copies == 0) return fail(ErrorCode::io, "asking for the pool's size: " + text);
  return *copies;
}

Result<env::DiskSpace> RadosClusterImpl::ask_for_space() {
  librados::cluster_stat_t known{};
  const int outcome = rados_.cluster_stat(known);
  if (outcome < 0) return failed("asking for the cluster's space", outcome);
  if (known.kb == 0 || copies_ == 0)
    return fail(ErrorCode::unavailable, "no manager runs, or the pool's size is not known");
  return env::DiskSpace{known.kb * kibibyte / copies_, known.kb_avail * kibibyte / copies_};
}

env::Task<void> RadosClusterImpl::close(env::Core& core) {
  co_await core.run_blocking([this] { disconnect(); });
}

env::Task<ObjectResult<void>> RadosClusterImpl::write(env::Core& core, std::string object, ObjectWrite write) {
  auto flight = std::make_shared<Flight>(core);
  add_guards(flight->write, write);
  add_changes(flight->write, write);
  const int outcome = co_await Submission(pool_, object, flight, true);
  if (outcome < 0) co_return std::unexpected(error_of(outcome));
  co_return ObjectResult<void>{};
}

env::Task<ObjectResult<std::size_t>> RadosClusterImpl::read(env::Core& core, std::string object, std::uint64_t offset,
                                                            MutableBytes out) {
  auto flight = std::make_shared<Flight>(core);
  flight->read.read(offset, out.size(), nullptr, &flight->part_outcome);
  const int outcome = co_await Submission(pool_, object, flight, false);
  if (outcome < 0) co_return std::unexpected(error_of(outcome));
  const std::size_t length = std::min<std::size_t>(flight->bytes.length(), out.size());
  flight->bytes.begin().copy(static_cast<unsigned>(length), reinterpret_cast<char*>(out.data()));
  co_return length;
}

env::Task<ObjectResult<ObjectState>> RadosClusterImpl::state(env::Core& core, std::string object) {
  auto flight = std::make_shared<Flight>(core);
  flight->read.stat2(&flight->size, nullptr, nullptr);
  flight->read.getxattrs(&flight->values, &flight->part_outcome);
  const int outcome = co_await Submission(pool_, object, flight, false);
  if (outcome < 0) co_return std::unexpected(error_of(outcome));
  ObjectState state{.size_bytes = flight->size};
  if (const auto at = flight->values.find(epoch_attribute); at != flight->values.end())
    state.epoch = at->second.to_str();
  if (const auto at = flight->values.find(tag_attribute); at != flight->values.end()) state.tag = at->second.to_str();
  co_return state;
}

env::Task<ObjectResult<ObjectEntries>> RadosClusterImpl::entries(env::Core& core, std::string object,
                                                                 std::string after) {
  auto flight = std::make_shared<Flight>(core);
  flight->read.omap_get_vals2(after, "", entries_per_page, &flight->values, &flight->has_more, &flight->part_outcome);
  const int outcome = co_await Submission(pool_, object, flight, false);
  if (outcome < 0) co_return std::unexpected(error_of(outcome));
  ObjectEntries page{.has_more = flight->has_more};
  for (const auto& [key, value] : flight->values) page.entries.emplace(key, value.to_str());
  co_return page;
}

env::Task<Result<env::DiskSpace>> RadosClusterImpl::space(env::Core& core) {
  Result<env::DiskSpace> answer;
  co_await core.run_blocking([this, &answer] { answer = ask_for_space(); });
  co_return answer;
}

}  // namespace

env::Task<Result<std::unique_ptr<RadosCluster>>> RadosCluster::connect(env::Core& core, RadosClusterOptions options) {
  auto cluster = std::make_unique<RadosClusterImpl>(std::move(options));
  Result<void> connected;
  co_await core.run_blocking([&cluster, &connected] { connected = cluster->connect(); });
  if (!connected) co_return std::unexpected(std::move(connected.error()));
  co_return std::unique_ptr<RadosCluster>(std::move(cluster));
}

}  // namespace weir::journal
