#include "journal/inspect.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "journal/format.h"

namespace weir::journal {
namespace {

std::string time_text(WallTime time) {
  using std::chrono::floor;
  constexpr WallTime last = wall_time_ms(253'402'300'799'999);  // of the year 9999
  const auto since = std::clamp(time, wall_time_ms(0), last).time_since_epoch();
  const auto day = floor<std::chrono::days>(since);
  const std::chrono::year_month_day date{std::chrono::sys_days(day)};
  const std::chrono::hh_mm_ss<milliseconds> clock{since - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string_view text_of(ScanEnd end) {
  switch (end) {
    case ScanEnd::clean: return "then zeros to the end";
    case ScanEnd::torn: return "then bytes that are no whole batch: a torn write, or damage";
    case ScanEnd::footer: return "then the footer";
    case ScanEnd::limit: return "then batches that the next segment declared void";
  }
  return "";
}

// Partition keys come from outside: what does not print, or could play tricks on a terminal, is shown as its number.
std::string printable(std::string_view key) {
  std::string text;
  for (const char c : key.substr(0, 64)) {
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      text.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(text), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return key.size() > 64 ? text + "..." : text;
}

// Reads `length` bytes at `offset`, or as many as there are.
env::Task<Result<std::vector<std::byte>>> read_part(SegmentSource& source, std::uint64_t offset, std::uint64_t length) {
  std::vector<std::byte> bytes(offset < source.size() ? std::min(length, source.size() - offset) : 0);
  WEIR_CO_TRY(const std::size_t got, co_await source.read(offset, bytes));
  bytes.resize(got);
  co_return bytes;
}

env::Task<Result<void>> inspect_footer(SegmentSource& source, SegmentInspection& out) {
  const std::uint64_t size = source.size();
  if (size < segment_header_bytes + trailer_bytes) co_return Result<void>{};
  WEIR_CO_TRY(const auto end, co_await read_part(source, size - trailer_bytes, trailer_bytes));
  const auto trailer = parse_trailer(end, size);
  if (!trailer) co_return Result<void>{};
  out.trailer = *trailer;
  WEIR_CO_TRY(const auto bytes, co_await read_part(source, trailer->summary_offset, summary_bytes(*trailer)));
  auto footer = parse_summary(*trailer, bytes);
  if (!footer) {
    out.footer_problem = footer.error().message;
    co_return Result<void>{};
  }
  out.is_sealed = true;
  for (const ShardSummary& summary : footer->shards) {
    WEIR_CO_TRY(const auto list, co_await read_part(source, summary.list.offset, summary.list.length));
    auto extents = parse_extent_list(summary, list);
    if (!extents) out.footer_problem = extents.error().message;
    out.lists.push_back(extents ? std::move(*extents) : std::vector<Extent>{});
  }
  out.footer = std::move(*footer);
  co_return Result<void>{};
}

// Whose batches to look for: the header says it, else the trailer, else the first batch.
env::Task<Result<std::optional<ScanLimits>>> limits_of(SegmentWindow& window, const SegmentInspection& found) {
  if (found.header) {
    co_return ScanLimits{
        found.header->lane,           found.header->salt,
        found.header->previous_batch, found.trailer ? std::optional(found.trailer->last_batch) : std::nullopt,
        found.trailer.has_value(),    found.header->rewritten};
  }
  if (found.trailer) {
    co_return ScanLimits{
        found.trailer->lane,     found.trailer->salt, found.trailer->previous_batch, found.trailer->last_batch, true,
        found.trailer->rewritten};
  }
  WEIR_CO_TRY(const BytesView start, co_await window.view(segment_header_bytes, batch_preview_bytes));
  const auto preview = preview_batch(start);
  if (!preview) co_return std::nullopt;
  WEIR_CO_TRY(const BytesView bytes, co_await window.view(segment_header_bytes, preview->header_bytes));
  const auto first = parse_batch_header(bytes);
  if (!first || first->number == 0) co_return std::nullopt;
  co_return ScanLimits{first->lane, first->salt, first->number - 1, std::nullopt, false, false};
}

void count(const ScannedBatch& batch, SegmentInspection& out) {
  if (out.batches++ == 0) {
    out.first_batch = batch.header.number;
    out.first_commit = batch.header.committed_at;
  }
  out.last_commit = batch.header.committed_at;
  if (!batch.intact) ++out.batches_damaged;
  for (const BatchExtent& entry : batch.header.extents) {
    out.records += entry.extent.record_count;
    out.payload_bytes += entry.extent.payload_bytes;
  }
}

void describe_footer(const SegmentInspection& found, std::back_insert_iterator<std::string> to) {
  if (!found.footer_problem.empty()) fmt::format_to(to, "  DAMAGED FOOTER: {}\n", found.footer_problem);
  if (!found.footer) return;
  for (const ShardSummary& shard : found.footer->shards) {
    fmt::format_to(to, "  stream {} shard {}: records {} to {} ({} in {} extents, {} bytes), arrived {} to {}\n",
                   shard.shard.stream.value, shard.shard.shard.value, shard.first.value, shard.last.value,
                   shard.record_count, shard.list.extent_count, shard.payload_bytes, time_text(shard.first_arrival),
                   time_text(shard.last_arrival));
  }
}

}  // namespace

env::Task<Result<SegmentInspection>> inspect_segment(SegmentSource& source, BatchVisitor visitor) {
  SegmentInspection found;
  found.segment_bytes = source.size();
  WEIR_CO_TRY(const auto block, co_await read_part(source, 0, segment_header_bytes));
  if (auto header = parse_segment_header(block)) {
    found.header = *header;
  } else {
    found.header_problem = header.error().message;
  }
  WEIR_CO_CHECK(co_await inspect_footer(source, found));
  SegmentWindow window(source);
  WEIR_CO_TRY(const auto limits, co_await limits_of(window, found));
  if (!limits) {
    found.is_unused = !found.trailer && std::ranges::all_of(block, [](std::byte byte) { return byte == std::byte{0}; });
    co_return found;
  }
  BatchScanner scanner(window, *limits);
  for (;;) {
    WEIR_CO_TRY(const ScanStep step, co_await scanner.next());
    if (const auto* const batch = std::get_if<ScannedBatch>(&step)) {
      count(*batch, found);
      if (visitor) visitor(*batch);
    } else if (const auto* const gap = std::get_if<Gap>(&step)) {
      found.gaps.push_back(*gap);
    } else {
      found.scan = std::get<ScanStop>(step);
      co_return found;
    }
  }
}

std::string describe_segment(const SegmentInspection& found, std::string_view name) {
  std::string text;
  const auto to = std::back_inserter(text);
  fmt::format_to(to, "{}: {} bytes, {}\n", name, found.segment_bytes, found.is_sealed ? "sealed" : "not sealed");
  if (found.header) {
    fmt::format_to(to, "  segment {} of lane {}, format {}, epoch {}, created {}, follows batch {}{}\n",
                   found.header->number.value, found.header->lane.value, format_version, found.header->epoch.value,
                   time_text(found.header->created_at), found.header->previous_batch,
                   found.header->rewritten ? ", rewritten by retention" : "");
  } else if (found.is_unused) {
    fmt::format_to(to, "  made, not written to yet\n");
  } else {
    fmt::format_to(to, "  NO HEADER: {}\n", found.header_problem);
  }
  if (found.batches > 0) {
    fmt::format_to(to, "  {} batches ({} to {}), {} records, {} bytes of keys and data, committed {} to {}\n",
                   found.batches, found.first_batch, found.scan->last_batch, found.records, found.payload_bytes,
                   time_text(found.first_commit), time_text(found.last_commit));
  }
  if (found.scan) fmt::format_to(to, "  batches end at byte {}, {}\n", found.scan->offset, text_of(found.scan->end));
  if (found.batches_damaged > 0) fmt::format_to(to, "  DAMAGED BATCHES: {}\n", found.batches_damaged);
  for (const Gap& gap : found.gaps) {
    fmt::format_to(to, "  LOST BATCHES: at byte {}, {} bytes\n", gap.offset, gap.length);
  }
  if (found.scan && found.scan->missing_batches > 0) {
    fmt::format_to(to, "  LOST BATCHES: the last {}\n", found.scan->missing_batches);
  }
  describe_footer(found, to);
  return text;
}

std::string describe_batch(const ScannedBatch& batch) {
  std::uint64_t records = 0;
  for (const BatchExtent& entry : batch.header.extents) records += entry.extent.record_count;
  return fmt::format("batch {} at byte {}: {} bytes, {} shards, {} records, epoch {}, committed {}{}\n",
                     batch.header.number, batch.offset, batch.header.total_bytes, batch.header.extents.size(), records,
                     batch.header.epoch.value, time_text(batch.header.committed_at), batch.intact ? "" : ", DAMAGED");
}

std::string describe_records(const ScannedBatch& batch) {
  std::string text;
  if (!batch.intact) return text;
  for (const BatchExtent& entry : batch.header.extents) {
    std::vector<FragmentView> fragments;
    const BytesView bytes = batch.bytes.subspan(entry.extent.offset, entry.extent.length);
    if (!parse_extent(entry.shard, entry.extent, bytes, &fragments)) continue;
    for (const FragmentView& fragment : fragments) {
      fragment.for_each([&](const RecordView& record) {
        fmt::format_to(std::back_inserter(text), "stream {} shard {} record {} arrived {} key \"{}\" {} bytes\n",
                       entry.shard.stream.value, entry.shard.shard.value, record.index.value, time_text(record.arrival),
                       printable(record.partition_key), record.data.size());
        return true;
      });
    }
  }
  return text;
}

}  // namespace weir::journal
