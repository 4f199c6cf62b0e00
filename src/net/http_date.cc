#include "net/http_date.h"

#include <chrono>

namespace weir::net {

namespace {

constexpr std::string_view weekday_names = "SunMonTueWedThuFriSat";
constexpr std::string_view month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";

char* put_text(char* to, std::string_view text) noexcept {
  for (const char c : text) *to++ = c;
  return to;
}

char* put_digits(char* to, unsigned value, unsigned digits) noexcept {
  for (unsigned i = digits; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
  return to + digits;
}

}  // namespace

std::string_view HttpDate::text(WallTime now) noexcept {
  const std::int64_t second = unix_seconds(now);
  if (second != unix_second_) {
    unix_second_ = second;
    const std::chrono::sys_seconds time{seconds(second)};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    const std::size_t weekday = std::chrono::weekday(day).c_encoding();
    char* to = put_text(text_.data(), weekday_names.substr(weekday * 3, 3));
    to = put_text(to, ", ");
    to = put_digits(to, unsigned{date.day()}, 2);
    to = put_text(to, " ");
    to = put_text(to, month_names.substr((std::size_t{unsigned{date.month()}} - 1) * 3, 3));
    to = put_text(to, " ");
    to = put_digits(to, static_cast<unsigned>(int{date.year()}), 4);
    to = put_text(to, " ");
    to = put_digits(to, static_cast<unsigned>(clock.hours().count()), 2);
    to = put_text(to, ":");
    to = put_digits(to, static_cast<unsigned>(clock.minutes().count()), 2);
    to = put_text(to, ":");
    to = put_digits(to, static_cast<unsigned>(clock.seconds().count()), 2);
    put_text(to, " GMT");
  }
  return {text_.data(), text_.size()};
}

}  // namespace weir::net
