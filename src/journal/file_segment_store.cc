#include "journal/file_segment_store.h"

#include <algorithm>
#include <charconv>
#include <list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/log.h"
#include "journal/format.h"

namespace weir::journal {
namespace {

constexpr std::string_view segment_suffix = ".segment";
constexpr std::string_view preparing_suffix = ".preparing";
constexpr std::size_t number_digits = 20;

constexpr std::uint64_t zero_chunk_bytes = mebibyte;
constexpr Duration overtaken_write_poll_interval = microseconds(500);

constexpr std::uint64_t epoch_magic = 0x4843504552494557;  // "WEIREPCH"
constexpr std::size_t epoch_file_bytes = 32;

std::string encode_epoch(LaneId lane, Epoch epoch) {
  std::string content(epoch_file_bytes, '\0');
  auto* const at = reinterpret_cast<std::byte*>(content.data());
  store_le(at, epoch_magic);
  store_le(at + 8, format_version);
  store_le(at + 12, lane.value);
  store_le(at + 16, epoch.value);
  store_le(at + epoch_file_bytes - 4, crc32c(as_bytes(content).first(epoch_file_bytes - 4)));
  return content;
}

Result<Epoch> decode_epoch(std::string_view content, LaneId lane) {
  const BytesView bytes = as_bytes(content);
  if (bytes.size() != epoch_file_bytes || load_le<std::uint64_t>(bytes.data()) != epoch_magic ||
      load_le<std::uint32_t>(bytes.data() + epoch_file_bytes - 4) != crc32c(bytes.first(epoch_file_bytes - 4))) {
    return fail(ErrorCode::corrupt, "epoch file: damaged");
  }
  if (load_le<std::uint32_t>(bytes.data() + 8) != format_version) {
    return fail(ErrorCode::unsupported, "epoch file: unknown format version");
  }
  if (load_le<std::uint32_t>(bytes.data() + 12) != lane.value) {
    return fail(ErrorCode::corrupt, "epoch file: of another lane");
  }
  return Epoch{load_le<std::uint64_t>(bytes.data() + 16)};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Keeps newer stores of the lane waiting for as long as it lives.
class WriteUnderWay {
 public:
  [[nodiscard]] static Result<WriteUnderWay> begin(LaneFence& fence, Epoch epoch) {
    if (fence.begin_write(epoch)) return WriteUnderWay(fence);
    return fail(ErrorCode::fenced, "epoch " + std::to_string(epoch.value) + " was overtaken");
  }
  WriteUnderWay(WriteUnderWay&& other) noexcept : fence_(std::exchange(other.fence_, nullptr)) {}
  WriteUnderWay& operator=(WriteUnderWay&&) = delete;
  ~WriteUnderWay() {
    if (fence_ != nullptr) fence_->end_write();
  }

 private:
  explicit WriteUnderWay(LaneFence& fence) noexcept : fence_(&fence) {}
  LaneFence* fence_;
};

class FileSegmentStore final : public SegmentStore {
 public:
  FileSegmentStore(env::Core& core, FileSegmentStoreOptions options)
      : core_(core), files_(core.files()), options_(std::move(options)) {}

  [[nodiscard]] env::Task<Result<void>> claim();
  [[nodiscard]] env::Task<Result<void>> remove_leftovers();

  env::Task<Result<std::vector<SegmentStatus>>> list() override;
  env::Task<Result<void>> create(SegmentNumber number, std::uint64_t capacity_bytes) override;
  env::Task<Result<void>> prepare(SegmentNumber number, std::uint64_t offset, std::uint64_t bytes) override;
  env::Task<Result<void>> append(SegmentNumber number, std::uint64_t offset, std::span<const BytesView> parts) override;
  env::Task<Result<std::size_t>> read(SegmentNumber number, std::uint64_t offset, MutableBytes out) override;
  env::Task<Result<void>> truncate(SegmentNumber number, std::uint64_t length_bytes) override;
  env::Task<Result<void>> replace(SegmentNumber number, std::span<const BytesView> parts) override;
  env::Task<Result<void>> remove(SegmentNumber number) override;
  env::Task<Result<env::DiskSpace>> space() override { return files_.space(options_.directory); }

 private:
  using FilePointer = std::shared_ptr<env::File>;
  struct OpenFile {
    SegmentNumber number;
    FilePointer file;
  };

  [[nodiscard]] std::string path_of(SegmentNumber number) const {
    return options_.directory + "/" + segment_file_name(number);
  }
  [[nodiscard]] Result<WriteUnderWay> begin_write() { return WriteUnderWay::begin(*options_.fence, options_.epoch); }
  [[nodiscard]] env::Task<Result<FilePointer>> file_of(SegmentNumber number);
  void forget(SegmentNumber number);
  [[nodiscard]] env::Task<Result<void>> reserve(std::string path, std::uint64_t bytes);
  [[nodiscard]] env::Task<Result<void>> write_parts(std::string path, std::span<const BytesView> parts);

  env::Core& core_;
  env::FileSystem& files_;
  FileSegmentStoreOptions options_;
  std::list<OpenFile> open_files_;  // most recently used first
  std::uint64_t changes_ = 0;       // of what a name stands for
};

env::Task<Result<void>> FileSegmentStore::claim() {
  const std::string path = options_.directory + "/epoch";
  auto content = co_await env::read_whole_file(files_, path, epoch_file_bytes);
  if (content) {
    WEIR_CO_TRY(const Epoch known, decode_epoch(*content, options_.lane));
    if (known >= options_.epoch) {
      co_return fail(ErrorCode::fenced, "the lane was opened under epoch " + std::to_string(known.value));
    }
  } else if (content.error().code != ErrorCode::not_found) {
    co_return std::unexpected(std::move(content.error()));
  }
  if (!options_.fence->raise(options_.epoch)) co_return fail(ErrorCode::fenced, "a newer store of the lane is open");
  while (options_.fence->has_writes()) co_await core_.sleep_for(overtaken_write_poll_interval);
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  co_return co_await env::replace_file(files_, path, encode_epoch(options_.lane, options_.epoch));
}

env::Task<Result<void>> FileSegmentStore::remove_leftovers() {
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  WEIR_CO_TRY(const std::vector<std::string> names, co_await files_.list(options_.directory));
  for (const std::string& name : names) {
    if (!name.ends_with(preparing_suffix)) continue;
    WEIR_CO_CHECK(co_await files_.remove(options_.directory + "/" + name));
  }
  co_return Result<void>{};
}

env::Task<Result<std::vector<SegmentStatus>>> FileSegmentStore::list() {
  WEIR_CO_TRY(const std::vector<std::string> names, co_await files_.list(options_.directory));
  std::vector<SegmentStatus> segments;
  for (const std::string& name : names) {
    const auto number = segment_number_from_name(name);
    if (!number) continue;
    WEIR_CO_TRY(const env::FileStatus status, co_await files_.status(options_.directory + "/" + name));
    segments.push_back({*number, status.size_bytes});
  }
  std::ranges::sort(segments, {}, &SegmentStatus::number);
  co_return segments;
}

env::Task<Result<void>> FileSegmentStore::create(SegmentNumber number, std::uint64_t capacity_bytes) {
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  const std::string path = path_of(number);
  if (const auto existing = co_await files_.status(path); existing) {
    co_return fail(ErrorCode::already_exists, path + " exists");
  } else if (existing.error().code != ErrorCode::not_found) {
    co_return std::unexpected(existing.error());
  }
  const std::string preparing = path + std::string(preparing_suffix);
  auto written = co_await reserve(preparing, capacity_bytes);
  if (written) written = co_await files_.rename(preparing, path);
  if (!written) {
    // Whatever is left of it goes at the next start; the first error is the one to tell.
    (void)co_await files_.remove(preparing);
    co_return written;
  }
  co_return co_await files_.sync_directory(options_.directory);
}

env::Task<Result<void>> FileSegmentStore::reserve(std::string path, std::uint64_t bytes) {
  WEIR_CO_TRY(const std::unique_ptr<env::File> file, co_await files_.open(path, env::OpenMode::create_new));
  WEIR_CO_CHECK(co_await file->truncate(bytes));
  co_return co_await file->sync();
}

env::Task<Result<void>> FileSegmentStore::prepare(SegmentNumber number, std::uint64_t offset, std::uint64_t bytes) {
  static const std::vector<std::byte> zeros(zero_chunk_bytes);
  WEIR_CO_TRY(const FilePointer file, co_await file_of(number));
  const std::uint64_t end = offset + bytes;
  while (offset < end) {
    WEIR_CO_TRY(const WriteUnderWay writing, begin_write());  // a newer store waits for one part at most
    const BytesView part = BytesView(zeros).first(std::min(zero_chunk_bytes, end - offset));
    WEIR_CO_CHECK(co_await file->write_at(offset, {&part, 1}, env::Durability::buffered));
    offset += part.size();
  }
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  co_return co_await file->sync();
}

env::Task<Result<void>> FileSegmentStore::append(SegmentNumber number, std::uint64_t offset,
                                                 std::span<const BytesView> parts) {
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  WEIR_CO_TRY(const FilePointer file, co_await file_of(number));
  co_return co_await file->write_at(offset, parts, env::Durability::synced);
}

env::Task<Result<std::size_t>> FileSegmentStore::read(SegmentNumber number, std::uint64_t offset, MutableBytes out) {
  WEIR_CO_TRY(const FilePointer file, co_await file_of(number));
  co_return co_await file->read_at(offset, out);
}

env::Task<Result<void>> FileSegmentStore::truncate(SegmentNumber number, std::uint64_t length_bytes) {
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  WEIR_CO_TRY(const FilePointer file, co_await file_of(number));
  WEIR_CO_CHECK(co_await file->truncate(length_bytes));
  co_return co_await file->sync();
}

env::Task<Result<void>> FileSegmentStore::replace(SegmentNumber number, std::span<const BytesView> parts) {
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  const std::string path = path_of(number);
  const std::string preparing = path + std::string(preparing_suffix);
  auto written = co_await write_parts(preparing, parts);
  if (written) written = co_await files_.rename(preparing, path);
  if (!written) {
    (void)co_await files_.remove(preparing);
    co_return written;
  }
  forget(number);
  if (auto synced = co_await files_.sync_directory(options_.directory); !synced) {
    // The new content is in place. Should the power go now, the old one may come back, which is as good.
    log_warning("journal", "directory not synced after replacing a segment",
                {{"lane", options_.lane.value}, {"segment", number.value}, {"error", synced.error().message}});
  }
  co_return Result<void>{};
}

env::Task<Result<void>> FileSegmentStore::write_parts(std::string path, std::span<const BytesView> parts) {
  WEIR_CO_TRY(const std::unique_ptr<env::File> file, co_await files_.open(path, env::OpenMode::create_new));
  co_return co_await file->write_at(0, parts, env::Durability::synced);
}

env::Task<Result<void>> FileSegmentStore::remove(SegmentNumber number) {
  WEIR_CO_TRY(const WriteUnderWay writing, begin_write());
  forget(number);
  auto removed = co_await files_.remove(path_of(number));
  forget(number);
  if (!removed && removed.error().code != ErrorCode::not_found) co_return removed;
  co_return co_await files_.sync_directory(options_.directory);
}

// The open file of a segment. A file that was replaced or removed while it was being opened is not kept.
env::Task<Result<FileSegmentStore::FilePointer>> FileSegmentStore::file_of(SegmentNumber number) {
  for (;;) {
    const auto known = std::ranges::find(open_files_, number, &OpenFile::number);
    if (known != open_files_.end()) {
      open_files_.splice(open_files_.begin(), open_files_, known);
      co_return known->file;
    }
    const std::uint64_t changes_before = changes_;
    WEIR_CO_TRY(FilePointer file, co_await files_.open(path_of(number), env::OpenMode::read_write_uncached));
    if (changes_ != changes_before) continue;
    if (std::ranges::find(open_files_, number, &OpenFile::number) != open_files_.end()) continue;
    open_files_.push_front({number, file});
    while (open_files_.size() > options_.open_files_max) open_files_.pop_back();
    co_return file;
  }
}

void FileSegmentStore::forget(SegmentNumber number) {
  ++changes_;
  std::erase_if(open_files_, [number](const OpenFile& open) { return open.number == number; });
}

}  // namespace

// An overtaking raise() either comes before the look at the epoch here, or sees the count.
bool LaneFence::begin_write(Epoch epoch) noexcept {
  writes_.fetch_add(1);
  if (admits(epoch)) return true;
  writes_.fetch_sub(1);
  return false;
}

bool LaneFence::raise(Epoch epoch) noexcept {
  std::uint64_t known = highest_.load();
  while (known < epoch.value) {
    if (highest_.compare_exchange_weak(known, epoch.value)) return true;
  }
  return false;
}

env::Task<Result<std::unique_ptr<SegmentStore>>> open_file_segment_store(env::Core& core,
                                                                         FileSegmentStoreOptions options) {
  WEIR_ASSERT(options.epoch.value > 0 && options.fence != nullptr && options.open_files_max > 0);
  WEIR_CO_CHECK(co_await core.files().create_directories(options.directory));
  WEIR_CO_CHECK(co_await core.files().sync_directory(parent_of(options.directory)));
  auto store = std::make_unique<FileSegmentStore>(core, std::move(options));
  WEIR_CO_CHECK(co_await store->claim());
  WEIR_CO_CHECK(co_await store->remove_leftovers());
  co_return std::unique_ptr<SegmentStore>(std::move(store));
}

std::optional<SegmentNumber> segment_number_from_name(std::string_view name) noexcept {
  if (name.size() != number_digits + segment_suffix.size() || !name.ends_with(segment_suffix)) return {};
  std::uint64_t number = 0;
  const std::string_view digits = name.substr(0, number_digits);
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
  if (error != std::errc{} || end != digits.end()) return {};
  return SegmentNumber{number};
}

std::string segment_file_name(SegmentNumber number) {
  const std::string digits = std::to_string(number.value);
  return std::string(number_digits - digits.size(), '0') + digits + std::string(segment_suffix);
}

}  // namespace weir::journal
