// Signed requests: path, query, header lines and body of any content must never crash the authenticator, and must not
// pass without the secret.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/authentication/authenticator.h"
#include "frontend/authentication/sigv4.h"

namespace {

using weir::frontend::Authenticator;

// The input's lines: path, query, then headers as `name:value`; an empty line, then the body.
struct FuzzRequest {
  explicit FuzzRequest(std::string_view input) : text(input) {
    std::string_view rest = text;
    const auto line = [&] {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view taken = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      return taken;
    };
    http.method = "POST";
    http.path = line();
    http.query = line();
    for (std::string_view header = line(); !header.empty(); header = line()) {
      const std::size_t colon = std::min(header.find(':'), header.size());
      http.headers.push_back({header.substr(0, colon), header.substr(std::min(colon + 1, header.size()))});
    }
    body = rest;
    http.body = weir::MutableBytes(reinterpret_cast<std::byte*>(body.data()), body.size());
  }
  std::string text;
  std::string body;
  weir::net::HttpRequest http;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr weir::WallTime now = weir::wall_time_ms(1767323045000);
  // The secret is not in any corpus, so that nothing the fuzzer finds can be signed with it.
  static const auto credentials = std::make_shared<const weir::frontend::CredentialSet>(
      weir::frontend::CredentialSet::parse("[[credential]]\naccess_key_id=\"AKIDEXAMPLE\"\n"
                                           "secret_access_key=\"9f2c1f7b0e\"\naccount=\"123456789012\"\n",
                                           "fuzz")
          .value());
  static Authenticator strict(credentials);
  static Authenticator lax(credentials, weir::frontend::Verification::accept_any);
  FuzzRequest request(std::string_view(reinterpret_cast<const char*>(data), size));
  if (strict.authenticate(request.http, now).has_value()) std::abort();
  (void)lax.authenticate(request.http, now);

  // Whatever the request holds, once it is signed it passes.
  std::erase_if(request.http.headers, [](const weir::net::HeaderField& field) {
    return field.name.starts_with("x-amz-") || field.name == "authorization" || field.name == "host" ||
           field.name.empty() || field.name.find_first_of(";, \t=") != std::string_view::npos;
  });
  request.http.headers.push_back({"host", "localhost"});
  if (weir::frontend::percent_decoded(request.http.query).find("X-Amz-") != std::string::npos) return 0;
  const auto added = weir::frontend::sign_request(request.http, *credentials->find("AKIDEXAMPLE"), "us-east-1", now);
  for (const auto& [name, value] : added) request.http.headers.push_back({name, value});
  if (!strict.authenticate(request.http, now).has_value()) std::abort();
  return 0;
}
