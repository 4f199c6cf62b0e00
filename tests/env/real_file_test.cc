#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "env/file.h"
#include "env/runtime.h"
#include "env/task_group.h"

namespace weir::env {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RealFileTest : public testing::Test {
 protected:
  RealFileTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-file-test-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~RealFileTest() override { std::filesystem::remove_all(directory); }

  // Runs a member-free coroutine on a core of its own.
  void run(const std::function<Task<int>(Core&, std::string)>& body) {
    const auto runtime = make_real_runtime({.cores = 1, .blocking_threads = 2});
    EXPECT_EQ(runtime->run([&] { return body(runtime->core(0), directory); }), 0);
  }

  std::string directory;
};

MutableBytes writable(std::string& text) { return std::as_writable_bytes(std::span(text)); }

Task<int> round_trip(Core& core, std::string directory) {
  auto opened = co_await core.files().open(directory + "/a", OpenMode::create_new);
  EXPECT_TRUE(opened);
  File& file = **opened;
  const std::string big(1'000'000, 'x');
  const std::vector<BytesView> parts = {as_bytes("head"), as_bytes(""), as_bytes(big), as_bytes("tail")};
  EXPECT_TRUE(co_await file.write_at(3, parts, Durability::synced));
  EXPECT_EQ(*co_await file.size(), 3U + 1'000'008);
  std::string all(2'000'000, '?');
  EXPECT_EQ(*co_await file.read_at(0, writable(all)), 3U + 1'000'008);
  all.resize(3 + 1'000'008);
  EXPECT_EQ(all, std::string(3, '\0') + "head" + big + "tail");
  // Both ways of reading, from the cache on the loop and through the pool, stop at the end of the file.
  std::string end(100, '?');
  EXPECT_EQ(*co_await file.read_at(1'000'007, writable(end)), 4U);
  EXPECT_EQ(end.substr(0, 4), "tail");
  EXPECT_EQ(*co_await file.read_at(5'000'000, writable(end)), 0U);
  EXPECT_TRUE(co_await file.truncate(5));
  EXPECT_EQ(*co_await file.size(), 5U);
  EXPECT_TRUE(co_await file.truncate(5000));
  EXPECT_EQ(*co_await file.size(), 5000U);
  std::string grown(5000, '?');
  EXPECT_EQ(*co_await file.read_at(0, writable(grown)), 5000U);
  EXPECT_EQ(grown, std::string(3, '\0') + "he" + std::string(4995, '\0'));
  EXPECT_TRUE(co_await file.sync());
  EXPECT_TRUE(co_await file.write_at(0, {}, Durability::buffered));
  co_return 0;
}

TEST_F(RealFileTest, WhatIsWrittenIsRead) { run(round_trip); }

Task<int> many_parts(Core& core, std::string directory) {
  auto opened = co_await core.files().open(directory + "/a", OpenMode::open_or_create);
  std::string expected;
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back(i % 7 == 0 ? "" : std::to_string(i));
  std::vector<BytesView> parts;
  for (const std::string& text : texts) {
    parts.push_back(as_bytes(text));
    expected += text;
  }
  EXPECT_TRUE(co_await (*opened)->write_at(0, parts, Durability::buffered));
  EXPECT_EQ(*co_await read_whole_file(core.files(), directory + "/a", 1 << 20), expected);
  co_return 0;
}

TEST_F(RealFileTest, AnyNumberOfPartsIsWrittenInOrder) { run(many_parts); }

Task<int> modes(Core& core, std::string directory) {
  FileSystem& files = core.files();
  const std::string path = directory + "/f";
  const auto code = [](const auto& result) { return result ? ErrorCode::internal : result.error().code; };
  EXPECT_EQ(code(co_await files.open(path, OpenMode::read_only)), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.open(path, OpenMode::read_write)), ErrorCode::not_found);
  EXPECT_TRUE(co_await files.open(path, OpenMode::create_new, 0600));
  EXPECT_EQ(code(co_await files.open(path, OpenMode::create_new)), ErrorCode::already_exists);
  EXPECT_TRUE(co_await files.open(path, OpenMode::open_or_create));
  const auto status = co_await files.status(path);
  EXPECT_EQ(status->permissions, 0600U);
  EXPECT_FALSE(status->is_directory);
  EXPECT_GT(unix_seconds(status->modified), 1'700'000'000);
  EXPECT_TRUE((co_await files.status(directory))->is_directory);

  auto read_only = co_await files.open(path, OpenMode::read_only);
  const BytesView part = as_bytes("x");
  const auto refused = co_await (*read_only)->write_at(0, std::span(&part, 1), Durability::buffered);
  EXPECT_EQ(code(refused), ErrorCode::io);
  EXPECT_THAT(refused.error().message, HasSubstr(path));
  EXPECT_THAT(refused.error().message, HasSubstr("Bad file descriptor"));
  EXPECT_EQ(code(co_await files.open(directory, OpenMode::read_write)), ErrorCode::io);
  EXPECT_EQ(code(co_await files.status(directory + "/none")), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.list(directory + "/none")), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.remove(directory + "/none")), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.rename(directory + "/none", path)), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.sync_directory(directory + "/none")), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.space(directory + "/none")), ErrorCode::not_found);
  EXPECT_EQ(code(co_await files.create_directories(path + "/below-a-file")), ErrorCode::io);
  co_return 0;
}

TEST_F(RealFileTest, EveryModeAndErrorHasItsCode) { run(modes); }

Task<int> full_disk(Core& core, std::string) {
  auto file = co_await core.files().open("/dev/full", OpenMode::read_write);
  EXPECT_TRUE(file);
  const BytesView part = as_bytes("x");
  const auto refused = co_await (*file)->write_at(0, std::span(&part, 1), Durability::buffered);
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::no_space);
  co_return 0;
}

// How many of the file's pages the page cache holds.
std::size_t pages_in_cache(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  EXPECT_EQ(::fstat(descriptor, &status), 0);
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  std::vector<unsigned char> pages((bytes + 4095) / 4096);
  EXPECT_EQ(::mincore(mapped, bytes, pages.data()), 0);
  ::munmap(mapped, bytes);
  return static_cast<std::size_t>(std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

// A file system in memory takes direct writes and has nothing but the cache.
bool can_write_past_the_cache(const std::string& directory) {
  struct statfs system{};
  if (::statfs(directory.c_str(), &system) != 0 || system.f_type == TMPFS_MAGIC) return false;
  const int descriptor = ::open((directory + "/probe").c_str(), O_CREAT | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600);
  alignas(4096) static const std::array<char, 4096> block{};
  const bool can = descriptor >= 0 && ::pwrite(descriptor, block.data(), 512, 0) == 512;
  if (descriptor >= 0) ::close(descriptor);
  return can;
}

std::unique_ptr<File> opened_uncached(Result<std::unique_ptr<File>> created, Result<std::unique_ptr<File>> opened) {
  EXPECT_TRUE(created);
  EXPECT_TRUE(opened);
  return std::move(*opened);
}

// In parts of odd sizes, and more than is copied at a time.
Task<int> whole_sectors(Core& core, std::string directory) {
  const std::string path = directory + "/a";
  auto created = co_await core.files().open(path, OpenMode::create_new);
  const auto file =
      opened_uncached(std::move(created), co_await core.files().open(path, OpenMode::read_write_uncached));
  std::string expected;
  for (int i = 0; expected.size() < 1536 * 1024; ++i) expected += std::to_string(i);
  expected.resize(1536 * 1024);
  std::vector<BytesView> parts;
  for (BytesView rest = as_bytes(expected); !rest.empty();) {
    parts.push_back(rest.first(std::min<std::size_t>(rest.size(), 70'001)));
    rest = rest.subspan(parts.back().size());
  }
  EXPECT_TRUE(co_await file->write_at(512, parts, Durability::synced));
  if (can_write_past_the_cache(directory)) EXPECT_EQ(pages_in_cache(path), 0U);
  EXPECT_EQ(*co_await read_whole_file(core.files(), path, 2 << 20), std::string(512, '\0') + expected);
  co_return 0;
}

TEST_F(RealFileTest, WholeSectorsGoPastTheCacheWhereAsked) { run(whole_sectors); }

// What readers have brought into the cache is never served after it was overwritten.
Task<int> read_and_overwrite(Core& core, std::string directory) {
  const std::string path = directory + "/a";
  auto created = co_await core.files().open(path, OpenMode::create_new);
  const auto file =
      opened_uncached(std::move(created), co_await core.files().open(path, OpenMode::read_write_uncached));
  EXPECT_TRUE(co_await file->truncate(16 * 1024));
  std::string expected(16 * 1024, '\0');
  std::string seen(expected.size(), '?');
  for (std::size_t round = 0; round < 60; ++round) {
    // Now a sector in the middle of a page, now bytes that only the cache can write.
    const std::size_t offset = round * 512 % (15 * 1024) + (round % 3 == 2 ? 5 : 0);
    const std::string text(512 * (1 + round % 2), static_cast<char>('a' + round % 26));
    const BytesView part = as_bytes(text);
    EXPECT_TRUE(co_await file->write_at(offset, {&part, 1}, Durability::buffered));
    expected.replace(offset, text.size(), text);
    EXPECT_EQ(*co_await file->read_at(0, writable(seen)), expected.size());
    EXPECT_EQ(seen, expected) << "round " << round;
  }
  co_return 0;
}

TEST_F(RealFileTest, ReadsSeeWhatWentPastTheCache) { run(read_and_overwrite); }

// Older kernels refuse direct writes there.
TEST_F(RealFileTest, ATemporaryFileSystemTakesThemToo) {
  std::string pattern = "/dev/shm/weir-file-test-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) GTEST_SKIP() << "no /dev/shm";
  std::filesystem::remove_all(std::exchange(directory, pattern));
  run(read_and_overwrite);
}

TEST_F(RealFileTest, AFullDiskIsNoSpace) { run(full_disk); }

// The limit on file size makes the system write a part and then refuse: the short write must not pass for a whole one.
Task<int> short_write(Core& core, std::string directory) {
  auto file = co_await core.files().open(directory + "/limited", OpenMode::create_new);
  const std::string text(100, 'x');
  const BytesView part = as_bytes(text);
  const auto refused = co_await (*file)->write_at(0, std::span(&part, 1), Durability::buffered);
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_EQ(*co_await (*file)->size(), 60U);
  co_return 0;
}

Task<int> short_direct_write(Core& core, std::string directory) {
  const std::string path = directory + "/limited";
  auto created = co_await core.files().open(path, OpenMode::create_new);
  const auto file =
      opened_uncached(std::move(created), co_await core.files().open(path, OpenMode::read_write_uncached));
  const std::string text(4096, 'x');
  const BytesView part = as_bytes(text);
  const auto refused = co_await file->write_at(0, {&part, 1}, Durability::synced);
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::io);
  EXPECT_LE(*co_await file->size(), 1500U);
  co_return 0;
}

TEST_F(RealFileTest, AShortWritePastTheCacheIsNotAWholeOne) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limited{1500, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  run(short_direct_write);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST_F(RealFileTest, AShortWriteIsNotAWholeOne) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit limited{60, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limited), 0);
  run(short_write);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
}

Task<int> directories(Core& core, std::string directory) {
  FileSystem& files = core.files();
  EXPECT_TRUE(co_await files.create_directories(directory + "/x/y/z"));
  EXPECT_TRUE(co_await files.create_directories(directory + "/x/y/z/"));
  EXPECT_EQ((co_await files.status(directory + "/x/y"))->permissions & 07, 0U);
  EXPECT_TRUE(co_await files.open(directory + "/x/b", OpenMode::create_new));
  EXPECT_TRUE(co_await files.open(directory + "/x/a", OpenMode::create_new));
  EXPECT_THAT(*co_await files.list(directory + "/x"), ElementsAre("a", "b", "y"));
  EXPECT_TRUE(co_await files.rename(directory + "/x/a", directory + "/x/c"));
  EXPECT_TRUE(co_await files.remove(directory + "/x/b"));
  EXPECT_TRUE(co_await files.remove(directory + "/x/y/z"));
  EXPECT_TRUE(co_await files.sync_directory(directory + "/x"));
  EXPECT_THAT(*co_await files.list(directory + "/x"), ElementsAre("c", "y"));
  const auto space = co_await files.space(directory);
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->available_bytes, space->total_bytes);
  co_return 0;
}

TEST_F(RealFileTest, DirectoriesAreMadeListedAndChanged) { run(directories); }

Task<int> locking(Core& core, std::string directory) {
  FileSystem& files = core.files();
  auto first = co_await files.lock(directory + "/LOCK");
  EXPECT_TRUE(first);
  const auto second = co_await files.lock(directory + "/LOCK");
  EXPECT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  first->reset();
  // The descriptor is closed on the pool, and the other thread of the pool may come first: try until it is closed.
  Result<std::unique_ptr<FileLock>> third = co_await files.lock(directory + "/LOCK");
  while (!third) third = co_await files.lock(directory + "/LOCK");
  EXPECT_TRUE(third);
  co_return 0;
}

TEST_F(RealFileTest, ALockHasOneHolder) { run(locking); }

Task<int> replacing(Core& core, std::string directory) {
  FileSystem& files = core.files();
  const std::string path = directory + "/map";
  EXPECT_TRUE(co_await replace_file(files, path, "one"));
  EXPECT_EQ(*co_await read_whole_file(files, path, 3), "one");
  // What a crash left behind is in nobody's way.
  EXPECT_TRUE(co_await files.open(path + ".new", OpenMode::create_new, 0400));
  EXPECT_TRUE(co_await replace_file(files, path, "three", 0600));
  EXPECT_EQ(*co_await read_whole_file(files, path, 5), "three");
  EXPECT_EQ((co_await files.status(path))->permissions, 0600U);
  EXPECT_THAT(*co_await files.list(directory), ElementsAre("map"));
  const auto too_large = co_await read_whole_file(files, path, 4);
  EXPECT_EQ(too_large.error().code, ErrorCode::limit_exceeded);
  EXPECT_EQ((co_await replace_file(files, directory + "/none/map", "x")).error().code, ErrorCode::not_found);
  // A directory in the way: the rename fails, and the temporary file goes again.
  EXPECT_TRUE(co_await files.create_directories(directory + "/taken/full"));
  EXPECT_FALSE(co_await replace_file(files, directory + "/taken", "x"));
  EXPECT_THAT(*co_await files.list(directory), ElementsAre("map", "taken"));
  co_return 0;
}

TEST_F(RealFileTest, ReplaceLeavesTheOldFileOrTheNewOne) { run(replacing); }

Task<void> write_and_check(Core& core, File& file, std::uint64_t number) {
  const std::string mine(4096, static_cast<char>('a' + number % 26));
  const BytesView part = as_bytes(mine);
  EXPECT_TRUE(co_await file.write_at(number * 4096, std::span(&part, 1), Durability::buffered));
  std::string back(4096, '?');
  EXPECT_EQ(*co_await file.read_at(number * 4096, writable(back)), 4096U);
  EXPECT_EQ(back, mine);
  EXPECT_TRUE(core.is_current());
}

Task<int> concurrent(Core& core, std::string directory) {
  auto file = co_await core.files().open(directory + "/shared", OpenMode::create_new);
  TaskGroup group(core);
  for (std::uint64_t i = 0; i < 200; ++i) group.spawn(write_and_check(core, **file, i));
  co_await group.wait();
  co_return 0;
}

TEST_F(RealFileTest, CallsInFlightTogetherDoNotMix) { run(concurrent); }

}  // namespace
}  // namespace weir::env
