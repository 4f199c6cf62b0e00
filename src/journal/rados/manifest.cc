#include "journal/rados/manifest.h"

#include <utility>

#include "fmt/format.h"

namespace weir::journal {
namespace {

constexpr std::string_view format_key = "format";
constexpr std::string_view format_value = "1";
constexpr std::string_view segment_prefix = "segment.";
constexpr std::string_view garbage_prefix = "garbage.";
constexpr std::string_view open_word = "open";
constexpr std::string_view sealed_word = "sealed";
constexpr std::size_t number_digits = 20;
constexpr int claim_attempts = 3;

std::optional<SegmentNumber> number_from_key(std::string_view key) {
  if (!key.starts_with(segment_prefix)) return {};
  key.remove_prefix(segment_prefix.size());
  const std::size_t first = key.find_first_not_of('0');
  if (key.size() != number_digits) return {};
  const auto value = parse_decimal(first == std::string_view::npos ? "0" : key.substr(first));
  if (!value) return {};
  return SegmentNumber{*value};
}

// Runs while a turn is taken, and gives it back.
class TurnTaken {
 public:
  explicit TurnTaken(env::Turn& turn) noexcept : turn_(turn) {}
  TurnTaken(const TurnTaken&) = delete;
  TurnTaken& operator=(const TurnTaken&) = delete;
  ~TurnTaken() { turn_.give_back(); }

 private:
  env::Turn& turn_;
};

}  // namespace

std::string segment_key(SegmentNumber number) { return fmt::format("{}{:020}", segment_prefix, number.value); }

std::string garbage_key(std::string_view object) { return fmt::format("{}{}", garbage_prefix, object); }

std::string encode_segment_entry(const SegmentEntry& entry) {
  return fmt::format("{} {} {}", entry.is_sealed ? sealed_word : open_word, entry.object, entry.bytes);
}

Result<SegmentEntry> parse_segment_entry(std::string_view value) {
  const std::size_t first = value.find(' ');
  const std::size_t last = value.rfind(' ');
  if (first != std::string_view::npos && last > first + 1) {
    const std::string_view word = value.substr(0, first);
    const std::string_view object = value.substr(first + 1, last - first - 1);
    const auto bytes = parse_decimal(value.substr(last + 1));
    if (bytes && (word == open_word || word == sealed_word) && !object.contains(' ')) {
      return SegmentEntry{word == sealed_word, std::string(object), *bytes};
    }
  }
  return fail(ErrorCode::corrupt, "manifest: no segment entry: " + std::string(value));
}

Result<ManifestContent> parse_manifest(const std::map<std::string, std::string>& entries) {
  const auto format = entries.find(std::string(format_key));
  if (format == entries.end()) return fail(ErrorCode::corrupt, "manifest: names no format");
  if (format->second != format_value) return fail(ErrorCode::unsupported, "manifest: format " + format->second);
  ManifestContent content;
  for (const auto& [key, value] : entries) {
    if (key == format_key) continue;
    if (key.starts_with(garbage_prefix) && key.size() > garbage_prefix.size()) {
      content.garbage.push_back(key.substr(garbage_prefix.size()));
    } else if (const auto number = number_from_key(key)) {
      WEIR_TRY(SegmentEntry entry, parse_segment_entry(value));
      content.segments.emplace(*number, std::move(entry));
    } else {
      return fail(ErrorCode::corrupt, "manifest: unknown entry " + key);
    }
  }
  return content;
}

Manifest::Manifest(ObjectWriter& writer, std::string object)
    : writer_(writer), object_(writer, std::move(object)), turn_(writer.core) {}

env::Task<Result<ManifestContent>> Manifest::open() {
  auto claimed = co_await claim();
  if (!claimed) co_return fail_while("claiming the lane", std::move(claimed.error()));
  WEIR_CO_CHECK(co_await read_entries());
  co_return parse_manifest(entries_);
}

env::Task<Result<void>> Manifest::claim() {
  Result<void> claimed;
  for (int attempt = 0; attempt < claim_attempts; ++attempt) {
    claimed = co_await object_.raise(EpochGuard::above);
    if (claimed || claimed.error().code != ErrorCode::not_found) co_return claimed;
    ObjectWrite first;
    first.set_entries.emplace(format_key, format_value);
    claimed = co_await object_.create(std::move(first));
    // Another owner may have been quicker: then the epochs decide.
    if (claimed || claimed.error().code != ErrorCode::already_exists) co_return claimed;
  }
  co_return claimed;
}

env::Task<Result<void>> Manifest::read_entries() {
  std::string after;
  std::uint32_t failures = 0;
  for (;;) {
    auto page = co_await writer_.pool.entries(writer_.core, object_.name(), after);
    if (!page) {
      if (page.error().kind != ObjectFailure::unknown || ++failures >= writer_.attempts_max) {
        co_return object_failure(object_.name(), page.error());
      }
      continue;
    }
    if (!page->entries.empty()) after = page->entries.rbegin()->first;
    const bool is_end = !page->has_more || page->entries.empty();
    entries_.merge(page->entries);
    if (is_end) co_return Result<void>{};
    if (entries_.size() > manifest_entries_max) co_return fail(ErrorCode::limit_exceeded, "manifest: too many entries");
  }
}

env::Task<Result<void>> Manifest::change(ManifestChange change) {
  co_await turn_.take();
  const TurnTaken taken(turn_);
  co_return co_await write(std::move(change));
}

env::Task<Result<void>> Manifest::settle() {
  co_await turn_.take();
  const TurnTaken taken(turn_);
  if (doubtful_.empty()) co_return Result<void>{};
  co_return co_await write({});
}

// The write carries the values that doubtful keys should have, and by its tag it ends whatever is still in flight.
env::Task<Result<void>> Manifest::write(ManifestChange change) {
  ObjectWrite out;
  for (const std::string& key : doubtful_) {
    if (const auto known = entries_.find(key); known != entries_.end()) {
      out.set_entries.insert(*known);
    } else {
      out.remove_entries.push_back(key);
    }
  }
  for (const std::string& key : change.remove) {
    out.set_entries.erase(key);
    out.remove_entries.push_back(key);
  }
  for (const auto& [key, value] : change.set) {
    std::erase(out.remove_entries, key);
    out.set_entries.insert_or_assign(key, value);
  }
  auto written = co_await object_.write(std::move(out));
  if (written) {
    doubtful_.clear();
    for (const std::string& key : change.remove) entries_.erase(key);
    for (auto& [key, value] : change.set) entries_.insert_or_assign(key, std::move(value));
  } else if (object_.is_in_doubt()) {
    for (std::string& key : change.remove) doubtful_.insert(std::move(key));
    for (auto& [key, value] : change.set) doubtful_.insert(key);
  }
  co_return written;
}

env::Task<Result<void>> Manifest::check_owner() {
  const auto state = co_await writer_.pool.state(writer_.core, object_.name());
  if (!state) co_return object_failure(object_.name(), state.error());
  const auto owner = parse_owner(*state);
  if (!owner) co_return std::unexpected(owner.error());
  if (judge(*owner, {writer_.epoch, writer_.owner, 0}) == Verdict::fenced) {
    co_return fail(ErrorCode::fenced, "epoch " + std::to_string(writer_.epoch.value) + " was overtaken");
  }
  co_return Result<void>{};
}

}  // namespace weir::journal
