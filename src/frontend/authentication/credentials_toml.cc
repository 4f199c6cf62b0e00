// Reading the credentials file. Apart from credentials.cc because the parser's header is heavy.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/toml.h"
#include "frontend/authentication/credentials.h"

namespace weir::frontend {
namespace {

constexpr std::size_t account_digits = 12;

bool is_account(std::string_view text) {
  return text.size() == account_digits && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<WallTime> time_of(const toml::date_time& value) {
  if (!value.offset) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(value.date.year), std::chrono::month(value.date.month),
                                         std::chrono::day(value.date.day)};
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + hours(value.time.hour) +
                  std::chrono::minutes(value.time.minute) + seconds(value.time.second) -
                  std::chrono::minutes(value.offset->minutes));
}

class CredentialsReader {
 public:
  explicit CredentialsReader(std::string_view file_name) : file_name_(file_name) {}

  [[nodiscard]] std::unexpected<Error> fail_at(const toml::source_region& where, std::string_view what) const {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}:{}:{}: {}", file_name_, where.begin.line, where.begin.column, what));
  }

  Result<std::vector<Credential>> read(const toml::table& document) {
    for (const auto& [key, node] : document) {
      if (key.str() != "credential") return fail_at(key.source(), fmt::format("unknown key \"{}\"", key.str()));
    }
    const toml::array* tables = document["credential"].as_array();
    if (tables == nullptr || tables->empty()) {
      return fail_at(document.source(), "no [[credential]] table: nobody could use the server");
    }
    if (tables->size() > credentials_max) {
      return fail(ErrorCode::limit_exceeded, fmt::format("{}: {} credentials, at most {} are allowed", file_name_,
                                                         tables->size(), credentials_max));
    }
    std::vector<Credential> credentials;
    for (const toml::node& node : *tables) {
      if (!node.is_table()) return fail_at(node.source(), "write each credential as [[credential]]");
      WEIR_TRY(credentials.emplace_back(), read_one(*node.as_table()));
    }
    return credentials;
  }

 private:
  Result<Credential> read_one(const toml::table& table) {
    Credential credential;
    for (const auto& [key, node] : table) {
      if (key.str() == "expires") {
        const auto* value = node.as_date_time();
        credential.expires = value == nullptr ? std::nullopt : time_of(value->get());
        if (!credential.expires) {
          return fail_at(node.source(), "expires must be a time with a zone, such as 2026-12-31T00:00:00Z");
        }
        continue;
      }
      std::string* text = text_member(credential, key.str());
      if (text == nullptr) return fail_at(key.source(), fmt::format("unknown key \"{}\"", key.str()));
      if (!node.is_string() || node.as_string()->get().empty()) {
        return fail_at(node.source(), fmt::format("{} must be text in quotes, not empty", key.str()));
      }
      *text = node.as_string()->get();
    }
    WEIR_CHECK(check(credential, table.source()));
    return credential;
  }

  static std::string* text_member(Credential& credential, std::string_view name) {
    if (name == "access_key_id") return &credential.access_key_id;
    if (name == "secret_access_key") return &credential.secret_access_key;
    if (name == "account") return &credential.account;
    if (name == "session_token") return &credential.session_token;
    return nullptr;
  }

  Result<void> check(const Credential& credential, const toml::source_region& where) const {
    if (credential.access_key_id.empty()) return fail_at(where, "access_key_id is missing");
    if (credential.access_key_id.find_first_of("/, \t=") != std::string::npos) {
      return fail_at(where, "access_key_id must not contain a slash, comma, blank or equals sign");
    }
    if (credential.secret_access_key.empty()) return fail_at(where, "secret_access_key is missing");
    if (!is_account(credential.account)) return fail_at(where, "account must be there and have 12 digits");
    return {};
  }

  std::string_view file_name_;
};

}  // namespace

Result<CredentialSet> CredentialSet::parse(std::string_view toml_text, std::string_view file_name) {
  CredentialsReader reader(file_name);
  std::vector<Credential> credentials;
  try {
    WEIR_TRY(credentials, reader.read(toml::parse(toml_text)));
  } catch (const toml::parse_error& problem) {
    return reader.fail_at(problem.source(), problem.description());
  } catch (const TomlAssertionFailed&) {
    return fail(ErrorCode::invalid_argument, fmt::format("{}: a table header must start with a key", file_name));
  }
  CredentialSet set;
  for (Credential& credential : credentials) {
    std::string key = credential.access_key_id;
    const bool is_new = set.by_key_.try_emplace(key, std::move(credential)).second;
    if (!is_new) {
      return fail(ErrorCode::invalid_argument, fmt::format("{}: access_key_id \"{}\" appears twice", file_name, key));
    }
  }
  return set;
}

}  // namespace weir::frontend
