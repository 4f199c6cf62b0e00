// `weir inspect`: says what is on a disk, and what of it is damaged. Reads everything, changes nothing.
#include "journal/inspect.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/text.h"
#include "env/file.h"
#include "env/process.h"
#include "env/runtime.h"
#include "fmt/format.h"
#include "journal/file_segment_store.h"

namespace weir::cli {
namespace {

struct Totals {
  std::uint64_t segments = 0;
  std::uint64_t damaged_segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t batches = 0;
  std::uint64_t records = 0;
  WallTime first_commit = WallTime::max();
  WallTime last_commit;
  bool has_header = false;  // of a single segment

  void add(const Totals& other) {
    segments += other.segments;
    damaged_segments += other.damaged_segments;
    bytes += other.bytes;
    batches += other.batches;
    records += other.records;
    first_commit = std::min(first_commit, other.first_commit);
    last_commit = std::max(last_commit, other.last_commit);
  }
};

// The torn end of a segment that is not sealed is what a crash leaves, and a segment without anything in it what a
// crash leaves of making one.
bool is_damaged(const journal::SegmentInspection& found) {
  const bool holds_something = found.scan.has_value() || found.trailer.has_value();
  return found.batches_damaged > 0 || !found.gaps.empty() || !found.footer_problem.empty() ||
         (!found.header && holds_something) || (found.scan && found.scan->missing_batches > 0);
}

Totals totals_of(const journal::SegmentInspection& found) {
  Totals totals{.segments = 1,
                .damaged_segments = is_damaged(found) ? 1U : 0U,
                .bytes = found.segment_bytes,
                .batches = found.batches,
                .records = found.records,
                .has_header = found.header.has_value()};
  if (found.batches > 0) {
    totals.first_commit = found.first_commit;
    totals.last_commit = found.last_commit;
  }
  return totals;
}

std::string in_directory(const std::string& directory, const std::string& name) {
  return fmt::format("{}/{}", directory, name);
}

std::string describe(const std::string& what, const Totals& totals) {
  std::string text =
      fmt::format("{}: {}, {}, {}, {}", what, count_text(totals.segments, "segment"), size_text(totals.bytes),
                  count_text(totals.batches, "batch"), count_text(totals.records, "record"));
  if (totals.batches > 0) {
    text += fmt::format(", committed {} to {}", utc_text(totals.first_commit), utc_text(totals.last_commit));
  }
  text += totals.damaged_segments == 0 ? ", no damage" : ", DAMAGED: " + count_text(totals.damaged_segments, "segment");
  return text + "\n";
}

class Inspector {
 public:
  Inspector(env::Core& core, bool batches) noexcept : core_(core), batches_(batches) {}

  // Errors: those of reading, and of writing what was found.
  [[nodiscard]] env::Task<Result<Totals>> inspect(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    WEIR_CO_TRY(const env::FileStatus status, co_await core_.files().status(path));
    if (!status.is_directory) co_return co_await single_segment(std::move(path));
    WEIR_CO_TRY(const std::vector<std::string> names, co_await core_.files().list(path));
    const auto is_lane_name = [](const std::string& name) { return name.starts_with("lane-"); };
    if (std::ranges::any_of(names, is_lane_name)) co_return co_await data_directory(std::move(path), names);
    co_return co_await lane(std::move(path), names);
  }

 private:
  env::Task<Result<Totals>> data_directory(std::string path, std::vector<std::string> names) {
    std::string files;
    for (const std::string& name : names) {
      const auto status = co_await core_.files().status(in_directory(path, name));
      if (status && !status->is_directory) files += fmt::format("{}  {}\n", name, size_text(status->size_bytes));
    }
    WEIR_CO_CHECK(co_await env::write_standard_output(core_, std::move(files)));
    Totals totals;
    for (const std::string& name : names) {
      if (!name.starts_with("lane-")) continue;
      const std::string lane_path = in_directory(path, name);
      WEIR_CO_TRY(const std::vector<std::string> lane_names, co_await core_.files().list(lane_path));
      WEIR_CO_TRY(const Totals of_lane, co_await lane(lane_path, lane_names));
      totals.add(of_lane);
    }
    WEIR_CO_CHECK(co_await env::write_standard_output(core_, "\n" + describe(path, totals)));
    co_return totals;
  }

  env::Task<Result<Totals>> lane(std::string path, std::vector<std::string> names) {
    const auto is_segment = [](const std::string& name) { return journal::segment_number_from_name(name).has_value(); };
    if (std::ranges::find(names, "epoch") == names.end() && std::ranges::none_of(names, is_segment)) {
      co_return fail(ErrorCode::invalid_argument, path + " is no data directory and no lane of one");
    }
    Totals totals;
    WEIR_CO_CHECK(co_await env::write_standard_output(core_, "\n"));
    for (const std::string& name : names) {
      if (!is_segment(name)) continue;
      auto found = co_await segment(in_directory(path, name));
      // A running server removes segments when retention is through with them.
      if (!found && found.error().code == ErrorCode::not_found) continue;
      if (!found) co_return std::unexpected(std::move(found.error()));
      totals.add(*found);
    }
    WEIR_CO_CHECK(co_await env::write_standard_output(core_, describe(path, totals)));
    co_return totals;
  }

  env::Task<Result<Totals>> single_segment(std::string path) {
    auto found = co_await segment(path);
    if (found && found->batches == 0 && !found->has_header) {
      co_return fail(ErrorCode::invalid_argument, path + " is no segment, or one that nothing was written to");
    }
    co_return found;
  }

  env::Task<Result<Totals>> segment(std::string path) {
    WEIR_CO_TRY(const auto file, co_await core_.files().open(path, env::OpenMode::read_only));
    WEIR_CO_TRY(const std::uint64_t size, co_await file->size());
    journal::SegmentFile source(*file, size);
    std::string listed;
    journal::BatchVisitor visitor;
    if (batches_) {
      visitor = [&listed](const journal::ScannedBatch& batch) { listed += "  " + journal::describe_batch(batch); };
    }
    WEIR_CO_TRY(const journal::SegmentInspection found, co_await journal::inspect_segment(source, visitor));
    WEIR_CO_CHECK(
        co_await env::write_standard_output(core_, journal::describe_segment(found, path) + std::move(listed)));
    co_return totals_of(found);
  }

  env::Core& core_;
  bool batches_;
};

env::Task<int> run_inspect(env::Core& core, InspectOptions options) {
  Inspector inspector(core, options.batches);
  const auto found = co_await inspector.inspect(options.path);
  if (!found) {
    if (found.error().code == ErrorCode::closed) co_return exit_done;  // whoever read it has seen enough
    std::fprintf(stderr, "weir inspect: %s\n", found.error().message.c_str());
    co_return exit_failed;
  }
  co_return found->damaged_segments == 0 ? exit_done : exit_failed;
}

}  // namespace

int inspect(const InspectOptions& options) {
  const auto runtime = env::make_real_runtime({.cores = 1, .blocking_threads = 1});
  return runtime->run([&] { return run_inspect(runtime->core(0), options); });
}

}  // namespace weir::cli
