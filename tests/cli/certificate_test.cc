#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/commands.h"
#include "frontend/authentication/secret_keys.h"
#include "net/tls/tls.h"

namespace weir::cli {
namespace {

class CertificateCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-cert-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(path(name)).rdbuf();
    return text.str();
  }
  [[nodiscard]] unsigned mode(const std::string& name) const {
    struct stat status{};
    return stat(path(name).c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
  }

  std::string directory_;
};

TEST_F(CertificateCommand, AnAuthorityAndWhatItSignsServeBothEnds) {
  EXPECT_EQ(certificate_authority({.directory = path("ca")}), exit_done);
  EXPECT_EQ(mode("ca/authority.pem"), 0644U);
  EXPECT_EQ(mode("ca/authority-key.pem"), 0600U);
  EXPECT_EQ(issue_certificate({.authority_directory = path("ca"),
                               .directory = path("node"),
                               .name = "node-1",
                               .addresses = {"10.0.0.7", "node-1.example"}}),
            exit_done);
  EXPECT_EQ(mode("node/node-1.pem"), 0644U);
  EXPECT_EQ(mode("node/node-1-key.pem"), 0600U);
  const std::string certificate = read("node/node-1.pem");
  const std::string key = read("node/node-1-key.pem");
  EXPECT_TRUE(net::TlsContext::server(certificate, key, read("ca/authority.pem")).has_value());
  EXPECT_TRUE(net::TlsContext::client(
                  {.trusted_pem = read("ca/authority.pem"), .certificate_pem = certificate, .private_key_pem = key})
                  .has_value());
  // Issued again, it is another one: that is how it is renewed.
  EXPECT_EQ(issue_certificate({.authority_directory = path("ca"), .directory = path("node"), .name = "node-1"}),
            exit_done);
  EXPECT_NE(read("node/node-1-key.pem"), key);
  EXPECT_TRUE(net::TlsContext::server(read("node/node-1.pem"), read("node/node-1-key.pem")).has_value());
}

TEST_F(CertificateCommand, AnAuthorityIsNeverOverwritten) {
  EXPECT_EQ(certificate_authority({.directory = path("ca")}), exit_done);
  const std::string key = read("ca/authority-key.pem");
  EXPECT_EQ(certificate_authority({.directory = path("ca")}), exit_failed);
  for (const char* name : {"authority", "../ca/authority", "", ".hidden", "*.example"}) {
    EXPECT_EQ(issue_certificate({.authority_directory = path("ca"), .directory = path("ca"), .name = name}),
              exit_failed);
  }
  EXPECT_EQ(read("ca/authority-key.pem"), key);
  std::filesystem::remove(path("ca/authority-key.pem"));
  EXPECT_EQ(certificate_authority({.directory = path("ca")}), exit_failed) << "its certificate may still be in use";
  EXPECT_EQ(issue_certificate({.authority_directory = path("ca"), .directory = path("ca"), .name = "node"}),
            exit_failed);
}

TEST_F(CertificateCommand, ASecretsKeyIsForItsOwnerAloneAndNeverOverwritten) {
  EXPECT_EQ(secrets_key({.file = path("secrets-key")}), exit_done);
  const std::string key = read("secrets-key");
  EXPECT_EQ(mode("secrets-key"), 0600U);
  EXPECT_TRUE(frontend::SecretKeys::parse(key, "secrets-key").has_value());
  EXPECT_EQ(secrets_key({.file = path("secrets-key")}), exit_failed);
  EXPECT_EQ(read("secrets-key"), key);
}

TEST_F(CertificateCommand, WithoutASubcommandMakesASelfSignedOne) {
  EXPECT_EQ(certificate({.certificate_file = path("c.pem"), .key_file = path("k.pem"), .names = {"weir.example"}}),
            exit_done);
  EXPECT_EQ(mode("k.pem"), 0600U);
  EXPECT_TRUE(net::TlsContext::server(read("c.pem"), read("k.pem")).has_value());
  EXPECT_EQ(certificate({.certificate_file = path("c.pem"), .key_file = path("k.pem"), .names = {"no name"}}),
            exit_failed);
}

}  // namespace
}  // namespace weir::cli
