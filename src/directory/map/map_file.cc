#include "directory/map/map_file.h"

#include <limits>
#include <utility>

#include "directory/map/map_codec.h"
#include "directory/map/map_frame.h"
#include "directory/map/map_wire.h"
#include "env/file.h"

namespace weir::directory {
namespace {

Result<SavedMap> decode_saved_map(std::string_view bytes, const MapSlice& slice) {
  WEIR_TRY(const std::string_view payload, open_frame(FrameKind::saved_map, bytes));
  wire::SavedMap message;
  if (payload.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return fail(ErrorCode::corrupt, "a saved shard map cannot be parsed");
  }
  WEIR_TRY(ShardMapPointer map, decode_map(message.map(), slice));
  return SavedMap{std::move(map), wall_time_ms(message.saved_ms())};
}

}  // namespace

env::Task<Result<void>> save_map(env::Core& core, std::string path, ShardMapPointer map, MapSlice slice) {
  std::string bytes;
  const WallTime now = core.wall_now();
  co_await core.run_blocking([&] {
    wire::SavedMap message;
    message.set_saved_ms(unix_milliseconds(now));
    // What is held is that slice already, so nothing is left out.
    auto encoded = encode_map(*map, slice);
    if (!encoded) return;
    message.set_map(std::move(*encoded));
    bytes = make_frame(FrameKind::saved_map, message.SerializeAsString());
  });
  if (bytes.empty()) co_return fail(ErrorCode::internal, "the shard map has no " + slice.name());
  co_return co_await env::replace_file(core.files(), std::move(path), std::move(bytes), 0600);
}

env::Task<Result<SavedMap>> load_map(env::Core& core, std::string path, MapSlice slice, std::uint64_t bytes_max) {
  WEIR_CO_TRY(const std::string bytes, co_await env::read_whole_file(core.files(), std::move(path), bytes_max));
  Result<SavedMap> saved = fail(ErrorCode::corrupt, "");
  co_await core.run_blocking([&] { saved = decode_saved_map(bytes, slice); });
  co_return saved;
}

}  // namespace weir::directory
