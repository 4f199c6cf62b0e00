#include "cell/lane/lane_count.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "env/file.h"

namespace weir::cell {
namespace {

constexpr std::string_view file_start = "weir cell 1\nlanes ";
constexpr std::uint64_t file_bytes_max = 256;

Result<std::uint32_t> parse_lane_count(std::string_view content, const std::string& path) {
  if (!content.starts_with("weir cell ")) return fail(ErrorCode::corrupt, path + ": not the description of a cell");
  if (!content.starts_with(file_start)) {
    return fail(ErrorCode::unsupported, path + ": written by a version that this one does not know");
  }
  const std::string_view number = content.substr(file_start.size());
  std::uint32_t lanes = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), lanes);
  const std::string_view rest(end, static_cast<std::size_t>(number.data() + number.size() - end));
  if (error != std::errc{} || rest != "\n" || lanes == 0 || lanes > lanes_max) {
    return fail(ErrorCode::corrupt, path + ": no number of lanes from 1 to " + std::to_string(lanes_max));
  }
  return lanes;
}

// Makes the directory, and sees to it that a loss of power takes neither it nor one above it away. What was there
// before was most likely made durable by whoever made it; it is synced all the same, because that may have been an
// earlier start of ours that was cut short, but where the system does not let us we go on.
env::Task<Result<void>> make_directory_durable(env::FileSystem& files, std::string directory) {
  struct Level {
    std::string parent;
    bool is_new = false;
  };
  std::vector<Level> levels;
  for (std::string path = directory; !path.empty();) {
    const std::size_t slash = path.find_last_of('/');
    const bool is_new = !(co_await files.status(path)).has_value();
    const std::string parent = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    levels.push_back({parent, is_new});
    path = slash == std::string::npos ? "" : path.substr(0, slash);
  }
  WEIR_CO_CHECK(co_await files.create_directories(std::move(directory)));
  for (const Level& level : levels) {
    auto synced = co_await files.sync_directory(level.parent);
    if (!synced.has_value() && level.is_new) co_return synced;
  }
  co_return Result<void>();
}

}  // namespace

env::Task<Result<std::uint32_t>> fix_lane_count(env::Core& core, std::string directory, std::uint32_t wanted) {
  WEIR_ASSERT(wanted >= 1 && wanted <= lanes_max);
  const std::string path = directory + "/cell";
  auto content = co_await env::read_whole_file(core.files(), path, file_bytes_max);
  if (!content.has_value()) {
    if (content.error().code != ErrorCode::not_found) co_return std::unexpected(std::move(content.error()));
    WEIR_CO_CHECK(co_await make_directory_durable(core.files(), directory));
    std::string first(file_start);
    first.append(std::to_string(wanted)).append("\n");
    WEIR_CO_CHECK(co_await env::replace_file(core.files(), path, std::move(first)));
    co_return wanted;
  }
  WEIR_CO_TRY(const std::uint32_t lanes, parse_lane_count(*content, path));
  if (lanes != wanted) {
    log_warning("cell", "the data directory keeps the number of lanes it was made with",
                {{"lanes", lanes}, {"wanted", wanted}});
  }
  co_return lanes;
}

std::string lane_directory(const std::string& directory, LaneId lane) {
  const std::string number = std::to_string(lane.value);
  return directory + "/lane-" + std::string(number.size() < 3 ? 3 - number.size() : 0, '0') + number;
}

}  // namespace weir::cell
