// Every stored form: what is written can be read back, and no changed byte, and no cut, goes unnoticed.
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "journal/batch.h"
#include "journal/file_segment_store.h"
#include "journal/footer.h"
#include "journal/format.h"
#include "journal/fragment.h"
#include "journal/segment_header.h"
#include "journal/varint.h"
#include "rapidcheck.h"
#include "rapidcheck/gtest.h"

namespace weir::journal {
namespace {

std::vector<std::byte> to_vector(BytesView bytes) { return {bytes.begin(), bytes.end()}; }

// Calls `rejects` with `bytes` changed in one bit, for a bit of every byte.
template <class Rejects>
void expect_every_flip_detected(const std::vector<std::byte>& bytes, const Rejects& rejects) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::vector<std::byte> changed = bytes;
    changed[at] ^= static_cast<std::byte>(1U << (at % 8));
    ASSERT_TRUE(rejects(BytesView(changed))) << "byte " << at;
  }
}

template <class Rejects>
void expect_every_cut_detected(const std::vector<std::byte>& bytes, const Rejects& rejects) {
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    ASSERT_TRUE(rejects(BytesView(cut))) << "length " << length;
  }
}

struct PlainRecord {
  std::string key;
  std::optional<HashKey> hash;
  std::string data;
};

PlainRecord any_record() {
  PlainRecord record;
  record.key = *rc::gen::resize(64, rc::gen::container<std::string>(rc::gen::arbitrary<char>()));
  if (*rc::gen::arbitrary<bool>()) {
    const auto high = *rc::gen::arbitrary<std::uint64_t>();
    record.hash = HashKey{(static_cast<unsigned __int128>(high) << 64) | *rc::gen::arbitrary<std::uint64_t>()};
  }
  record.data = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  return record;
}

Fragment fragment_of(ShardKey shard, const std::vector<PlainRecord>& records, RecordIndex first, WallTime arrival) {
  FragmentBuilder builder(shard, static_cast<std::uint32_t>(records.size()), 0);
  for (const PlainRecord& record : records) builder.add(record.key, record.hash, as_bytes(record.data));
  Fragment fragment = std::move(builder).finish();
  fragment.stamp(first, arrival);
  return fragment;
}

Fragment some_fragment(std::uint32_t shard, std::uint64_t first, std::size_t records = 3) {
  std::vector<PlainRecord> plain;
  for (std::size_t i = 0; i < records; ++i) {
    plain.push_back({"key" + std::to_string(i), i == 1 ? std::optional(HashKey::max()) : std::nullopt,
                     std::string(10 + 7 * i, 'x')});
  }
  return fragment_of({StreamId{9}, ShardIndex{shard}}, plain, {first}, wall_time_ms(1234));
}

RC_GTEST_PROP(Fragment, ReadsBackWhatWasWritten, ()) {
  std::vector<PlainRecord> records(*rc::gen::inRange<std::size_t>(1, 20));
  for (PlainRecord& record : records) record = any_record();
  const ShardKey shard{StreamId{*rc::gen::arbitrary<std::uint64_t>()},
                       ShardIndex{*rc::gen::arbitrary<std::uint32_t>()}};
  const RecordIndex first{*rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 62)};
  const WallTime arrival = wall_time_ms(*rc::gen::arbitrary<std::int32_t>());
  const Fragment fragment = fragment_of(shard, records, first, arrival);
  RC_ASSERT(fragment.bytes().size() % 8 == 0U);
  const auto view = FragmentView::parse(fragment.bytes());
  RC_ASSERT(view.has_value());
  RC_ASSERT(view->shard() == shard);
  RC_ASSERT(view->first_index() == first);
  RC_ASSERT(view->record_count() == records.size());
  RC_ASSERT(view->arrival() == arrival);
  std::size_t next = 0;
  std::uint64_t payload = 0;
  view->for_each([&](const RecordView& record) {
    RC_ASSERT(record.index.value == first.value + next);
    RC_ASSERT(record.partition_key == records[next].key);
    RC_ASSERT(record.explicit_hash_key == records[next].hash);
    RC_ASSERT(as_text(record.data) == records[next].data);
    payload += record.data.size() + record.partition_key.size();
    ++next;
    return true;
  });
  RC_ASSERT(next == records.size());
  RC_ASSERT(payload == view->payload_bytes());
  RC_ASSERT(payload == fragment.payload_bytes());
}

TEST(Fragment, EveryChangedByteIsDetected) {
  const Fragment fragment = some_fragment(1, 5);
  const auto rejects = [](BytesView bytes) { return !FragmentView::parse(bytes).has_value(); };
  expect_every_flip_detected(to_vector(fragment.bytes()), rejects);
  expect_every_cut_detected(to_vector(fragment.bytes()), rejects);
}

TEST(Fragment, VisitingStopsWhenTheVisitorSaysSo) {
  const Fragment fragment = some_fragment(1, 5);
  int visited = 0;
  fragment.view().for_each([&](const RecordView&) { return ++visited < 2; });
  EXPECT_EQ(visited, 2);
}

// The bytes of a whole batch, as they lie on the disk.
std::vector<std::byte> batch_of(std::vector<Fragment>& fragments, std::uint64_t number, std::uint64_t salt) {
  BatchHeader header = *plan_batch(fragments);
  header.lane = {3};
  header.epoch = {4};
  header.number = number;
  header.salt = salt;
  header.committed_at = wall_time_ms(77);
  std::vector<std::byte> bytes;
  encode_batch_header(header, bytes);
  for (const Fragment& fragment : fragments)
    bytes.insert(bytes.end(), fragment.bytes().begin(), fragment.bytes().end());
  bytes.resize(header.total_bytes);
  return bytes;
}

std::vector<std::byte> some_batch() {
  std::vector<Fragment> fragments;
  fragments.push_back(some_fragment(2, 10));
  fragments.push_back(some_fragment(1, 5));
  fragments.push_back(some_fragment(2, 20, 1));
  return batch_of(fragments, 42, 0xabcdef);
}

TEST(Batch, TableSaysWhichShardLiesWhere) {
  const std::vector<std::byte> bytes = some_batch();
  EXPECT_EQ(bytes.size() % sector_bytes, 0U);
  const auto header = parse_batch_header(bytes);
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->lane, LaneId{3});
  EXPECT_EQ(header->epoch, Epoch{4});
  EXPECT_EQ(header->number, 42U);
  EXPECT_EQ(header->salt, 0xabcdefU);
  EXPECT_EQ(header->committed_at, wall_time_ms(77));
  ASSERT_EQ(header->extents.size(), 2U);
  EXPECT_EQ(header->extents[0].shard.shard, ShardIndex{1});
  EXPECT_EQ(header->extents[1].shard.shard, ShardIndex{2});
  EXPECT_EQ(header->extents[1].fragment_count, 2U);
  EXPECT_EQ(header->extents[1].extent.first, RecordIndex{10});
  EXPECT_EQ(header->extents[1].extent.last, RecordIndex{20});
  EXPECT_EQ(header->extents[1].extent.record_count, 4U);
  EXPECT_TRUE(check_batch(*header, bytes).has_value());
}

TEST(Batch, EveryChangedByteIsDetectedExceptInThePadding) {
  const std::vector<std::byte> bytes = some_batch();
  const auto header = parse_batch_header(bytes);
  ASSERT_TRUE(header.has_value());
  const Extent last = header->extents.back().extent;
  std::vector<std::byte> without_padding(bytes.begin(),
                                         bytes.begin() + static_cast<std::ptrdiff_t>(last.offset + last.length));
  const auto rejects = [&](BytesView changed) {
    const auto parsed = parse_batch_header(changed);
    if (!parsed) return true;
    std::vector<std::byte> whole = to_vector(changed);
    whole.resize(bytes.size());
    return !check_batch(*parsed, whole).has_value();
  };
  expect_every_flip_detected(without_padding, rejects);
  expect_every_cut_detected(bytes, [&](BytesView cut) {
    const auto parsed = parse_batch_header(cut);
    return !parsed || !check_batch(*parsed, cut).has_value();
  });
}

TEST(Batch, LargerThanTheLimitIsRefused) {
  std::vector<Fragment> fragments;
  const std::string data(10 * mebibyte, 'x');
  for (std::uint32_t i = 0; i < 4; ++i) {
    fragments.push_back(fragment_of({StreamId{1}, ShardIndex{i}}, {{"k", {}, data}}, {1}, wall_time_ms(1)));
  }
  const auto planned = plan_batch(fragments);
  ASSERT_FALSE(planned.has_value());
  EXPECT_EQ(planned.error().code, ErrorCode::limit_exceeded);
}

TEST(SegmentHeader, ReadsBackAndEveryChangedByteIsDetected) {
  const SegmentHeader header{LaneId{1}, SegmentNumber{2}, Epoch{3}, 4, wall_time_ms(5), 6, true};
  const SegmentHeaderBlock block = encode_segment_header(header);
  const auto parsed = parse_segment_header(block);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->lane, header.lane);
  EXPECT_EQ(parsed->number, header.number);
  EXPECT_EQ(parsed->epoch, header.epoch);
  EXPECT_EQ(parsed->salt, header.salt);
  EXPECT_EQ(parsed->created_at, header.created_at);
  EXPECT_EQ(parsed->previous_batch, header.previous_batch);
  EXPECT_EQ(parsed->rewritten, header.rewritten);
  const auto rejects = [](BytesView bytes) { return !parse_segment_header(bytes).has_value(); };
  expect_every_flip_detected(to_vector(block), rejects);
  expect_every_cut_detected(to_vector(block), rejects);
}

RC_GTEST_PROP(Varint, ReadsBackWhatWasWritten, (std::uint64_t first, std::int64_t second)) {
  std::vector<std::byte> bytes;
  put_varint(bytes, first);
  put_signed_varint(bytes, second);
  VarintReader in(bytes);
  RC_ASSERT(in.next() == first);
  RC_ASSERT(in.next_signed() == second);
  RC_ASSERT(in.ok());
  RC_ASSERT(in.at_end());
  RC_ASSERT(in.next() == 0U);
  RC_ASSERT(!in.ok());
}

// Extents as a segment may hold them: rising numbers and offsets, times that go anywhere.
std::vector<Extent> any_extents(std::uint64_t& offset) {
  std::vector<Extent> extents(*rc::gen::inRange<std::size_t>(1, 30));
  std::uint64_t index = *rc::gen::inRange<std::uint64_t>(0, 1'000'000'000'000);
  std::int64_t time = *rc::gen::inRange<std::int64_t>(0, 2'000'000'000'000);
  for (Extent& extent : extents) {
    index += *rc::gen::inRange<std::uint64_t>(1, 1000);
    extent.first = {index};
    extent.record_count = *rc::gen::inRange<std::uint32_t>(1, 500);
    index += extent.record_count + *rc::gen::inRange<std::uint64_t>(0, 3) - 1;
    extent.last = {index};
    time += *rc::gen::inRange<std::int64_t>(-5, 10'000);
    extent.first_arrival = wall_time_ms(time);
    time += *rc::gen::inRange<std::int64_t>(0, 5);
    extent.last_arrival = wall_time_ms(time);
    offset += *rc::gen::inRange<std::uint64_t>(0, 100'000);
    extent.offset = offset;
    extent.length = *rc::gen::inRange<std::uint32_t>(72, 1'000'000);
    extent.payload_bytes = *rc::gen::inRange<std::uint32_t>(0, 1'000'000);
    offset += extent.length;
  }
  return extents;
}

ShardSummary summary_of(ShardKey shard, const std::vector<Extent>& extents) {
  ShardSummary summary{.shard = shard,
                       .first = extents.front().first,
                       .last = extents.back().last,
                       .first_arrival = extents.front().first_arrival,
                       .last_arrival = extents.back().last_arrival};
  summary.last_offset = extents.back().offset;
  for (const Extent& extent : extents) summary.record_count += extent.record_count;
  return summary;
}

struct WrittenFooter {
  Trailer trailer;
  std::vector<Gap> gaps;
  std::vector<std::vector<Extent>> lists;
  std::vector<std::byte> bytes;
};

WrittenFooter any_footer() {
  WrittenFooter footer;
  std::uint64_t offset = 512;
  const std::size_t shards = *rc::gen::inRange<std::size_t>(0, 8);
  for (std::size_t i = 0; i < shards; ++i) footer.lists.push_back(any_extents(offset));
  for (std::size_t i = *rc::gen::inRange<std::size_t>(0, 3); i > 0; --i) footer.gaps.push_back({512 * i, 512});
  std::vector<FooterShard> parts;
  for (std::size_t i = 0; i < shards; ++i) {
    const ShardKey shard{StreamId{7}, ShardIndex{static_cast<std::uint32_t>(i * 3)}};
    parts.push_back({summary_of(shard, footer.lists[i]), footer.lists[i]});
  }
  footer.trailer = {LaneId{1}, SegmentNumber{2}, Epoch{3}, 4, 5, false, wall_time_ms(6), 9, 512};
  footer.trailer.footer_offset = align_up(offset + 512, sector_bytes);
  footer.bytes = encode_footer(footer.trailer, footer.gaps, parts);
  return footer;
}

// Reads everything a footer says. Fails at the first thing that is not right.
Result<std::vector<std::vector<Extent>>> read_footer(BytesView bytes, std::uint64_t footer_offset) {
  if (bytes.size() < trailer_bytes) return fail(ErrorCode::corrupt, "short");
  WEIR_TRY(const Trailer trailer, parse_trailer(bytes.last(trailer_bytes), footer_offset + bytes.size()));
  if (trailer.footer_offset != footer_offset) return fail(ErrorCode::corrupt, "moved");
  if (footer_bytes_from_marker(bytes, trailer.salt) != bytes.size()) return fail(ErrorCode::corrupt, "marker");
  WEIR_TRY(const FooterSummary summary,
           parse_summary(trailer, bytes.subspan(trailer.summary_offset - footer_offset, summary_bytes(trailer))));
  std::vector<std::vector<Extent>> lists;
  for (const ShardSummary& shard : summary.shards) {
    WEIR_TRY(auto list, parse_extent_list(shard, bytes.subspan(shard.list.offset - footer_offset, shard.list.length)));
    lists.push_back(std::move(list));
  }
  return lists;
}

RC_GTEST_PROP(Footer, ReadsBackWhatWasWritten, ()) {
  const WrittenFooter footer = any_footer();
  RC_ASSERT(footer.bytes.size() % sector_bytes == 0U);
  const auto lists = read_footer(footer.bytes, footer.trailer.footer_offset);
  RC_ASSERT(lists.has_value());
  RC_ASSERT(*lists == footer.lists);
  const auto trailer = parse_trailer(BytesView(footer.bytes).last(trailer_bytes), footer.trailer.segment_bytes);
  RC_ASSERT(trailer.has_value());
  RC_ASSERT(trailer->last_batch == 9U);
  const auto summary = parse_summary(
      *trailer,
      BytesView(footer.bytes).subspan(trailer->summary_offset - trailer->footer_offset, summary_bytes(*trailer)));
  RC_ASSERT(summary.has_value());
  RC_ASSERT(summary->gaps == footer.gaps);
}

RC_GTEST_PROP(Footer, AChangedByteIsDetectedExceptInThePadding, ()) {
  const WrittenFooter footer = any_footer();
  const std::uint64_t summary_end =
      footer.trailer.summary_offset - footer.trailer.footer_offset + summary_bytes(footer.trailer);
  std::vector<std::byte> changed = footer.bytes;
  const std::size_t at = *rc::gen::inRange<std::size_t>(0, changed.size());
  RC_PRE((at < summary_end || at >= changed.size() - trailer_bytes));
  changed[at] ^= std::byte{0x10};
  RC_ASSERT(!read_footer(changed, footer.trailer.footer_offset).has_value());
}

TEST(SegmentFile, NameHoldsTheNumber) {
  EXPECT_EQ(segment_file_name(SegmentNumber{7}), "00000000000000000007.segment");
  EXPECT_EQ(segment_number_from_name("00000000000000000007.segment"), SegmentNumber{7});
  EXPECT_EQ(segment_number_from_name(segment_file_name(SegmentNumber{~std::uint64_t{0}})),
            SegmentNumber{~std::uint64_t{0}});
  for (const char* const name : {"7.segment", "0000000000000000000a.segment", "00000000000000000007.segment.preparing",
                                 "epoch", "99999999999999999999.segment"}) {
    EXPECT_FALSE(segment_number_from_name(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace weir::journal
