// Golden files: what a version wrote, kept for ever. The code of today must read it, and see in it what that version
// meant. One file for each version and module: a name and hexadecimal bytes on a line.
//
// A name that the file does not have is written when WEIR_WRITE_GOLDEN is set; else the test fails. Lines are never
// changed: what they hold is on the disks and in the processes of others.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace weir::test {

class GoldenFile {
 public:
  explicit GoldenFile(std::string path) : path_(std::move(path)) {
    std::ifstream file(path_);
    std::string name;
    std::string hex;
    while (file >> name >> hex) lines_[name] = from_hex(hex);
  }

  // `write(sample)` gives the bytes of today; `rewrite(bytes)` reads bytes and gives them as today's code writes what
  // it read. Both must say the same of the golden bytes as of the sample. `takes_more`: whether fields that nobody
  // knows may follow.
  template <class Rewrite>
  void check(const std::string& name, const std::string& today, Rewrite rewrite, bool takes_more = true) {
    if (!lines_.contains(name) && std::getenv("WEIR_WRITE_GOLDEN") != nullptr) {
      std::ofstream(path_, std::ios::app) << name << ' ' << to_hex(today) << '\n';
      lines_[name] = today;
    }
    ASSERT_TRUE(lines_.contains(name)) << path_ << " has no " << name;
    const std::string& golden = lines_.at(name);
    EXPECT_EQ(to_hex(rewrite(golden)), to_hex(today)) << name;
    // Field 2000, which no version has: a number.
    static constexpr char unknown_field[] = "\x80\x7d\x01";
    if (takes_more) {
      EXPECT_EQ(to_hex(rewrite(golden + unknown_field)), to_hex(today)) << name << " with a field of the next version";
    }
    seen_.insert(name);
  }
  // Whether every line was checked.
  void check_all_seen() const {
    for (const auto& [name, bytes] : lines_) EXPECT_TRUE(seen_.contains(name)) << name << " is not checked any more";
  }

 private:
  static std::string to_hex(const std::string& bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex = bytes.empty() ? "-" : "";
    for (const char byte : bytes) {
      const auto value = static_cast<unsigned char>(byte);
      hex.push_back(digits[value >> 4U]);
      hex.push_back(digits[value & 15U]);
    }
    return hex;
  }
  static std::string from_hex(const std::string& hex) {
    std::string bytes;
    if (hex == "-") return bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    return bytes;
  }

  std::string path_;
  std::map<std::string, std::string> lines_;
  std::set<std::string> seen_;
};

}  // namespace weir::test
