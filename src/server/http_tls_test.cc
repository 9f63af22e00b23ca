#include "server/http_tls.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "server/http_server.h"
#include "server/http_test_client.h"

namespace outrider {
namespace {

namespace fs = std::filesystem;
namespace ssl = boost::asio::ssl;
using namespace std::chrono_literals;

// A certificate that signs itself, and its key, in a folder that is gone afterwards.
class TlsFiles : public ::testing::Test {
 protected:
  TlsFiles() {
    fs::create_directories(folder_);
    write_pair("");
    write_pair("other_");
    options_.tls_certificate_file = path("cert.pem");
    options_.tls_key_file = path("key.pem");
    options_.limits.head_time = 500ms;
  }
  ~TlsFiles() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  HttpOptions options_;

 private:
  void write_pair(const std::string& prefix) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    ASSERT_GT(X509_sign(certificate.get(), key.get(), EVP_sha256()), 0);
    const auto open = [](const std::string& file) {
      return std::unique_ptr<std::FILE, decltype(&std::fclose)>(std::fopen(file.c_str(), "w"),
                                                                std::fclose);
    };
    PEM_write_X509(open(path(prefix + "cert.pem")).get(), certificate.get());
    PEM_write_PrivateKey(open(path(prefix + "key.pem")).get(), key.get(), nullptr, nullptr, 0,
                         nullptr, nullptr);
  }
  const fs::path folder_ =
      fs::temp_directory_path() / ("outrider_tls_" + std::to_string(std::random_device()()));
};

void say(const std::shared_ptr<Exchange>& exchange) {
  if (exchange->request().path == "/stream") {
    exchange->begin_stream("text/event-stream");
    for (int i = 0; i < 10; i++) exchange->write("data: " + std::to_string(i) + "\n\n");
    return exchange->end_stream();
  }
  HttpReply reply;
  reply.body = exchange->request().body;
  exchange->reply(std::move(reply));
}

TEST_F(TlsFiles, requests_and_streams_go_over_tls) {
  TestService service(say);
  const HttpServer server = start_server(options_, service);
  EXPECT_TRUE(server.url().starts_with("https://127.0.0.1:"));
  ssl::context context(ssl::context::tls_client);
  context.load_verify_file(options_.tls_certificate_file);
  context.set_verify_mode(ssl::verify_peer);
  TestClient client(server.port());
  ASSERT_TRUE(client.begin_tls(context));
  const std::string body(200'000, 'b');
  EXPECT_EQ(client.ask(post("/", body)).body, body);
  EXPECT_TRUE(client.ask(get("/stream")).body.ends_with("data: 9\n\n"));
  EXPECT_EQ(client.ask(get("/", "Connection: close\r\n")).status, 200);
  EXPECT_TRUE(client.read_to_end());
}

TEST_F(TlsFiles, old_versions_are_refused) {
  TestService service(say);
  const HttpServer server = start_server(options_, service);
  ssl::context old(ssl::context::tls_client);
  SSL_CTX_set_security_level(old.native_handle(), 0);
  SSL_CTX_set_max_proto_version(old.native_handle(), TLS1_1_VERSION);
  TestClient refused(server.port());
  EXPECT_FALSE(refused.begin_tls(old));
  ssl::context newer(ssl::context::tls_client);
  SSL_CTX_set_max_proto_version(newer.native_handle(), TLS1_2_VERSION);
  TestClient taken(server.port());
  EXPECT_TRUE(taken.begin_tls(newer));
}

TEST_F(TlsFiles, who_does_not_finish_the_handshake_is_dropped) {
  TestService service(say);
  const HttpServer server = start_server(options_, service);
  TestClient silent(server.port()), half(server.port()), plain(server.port());
  half.send("\x16\x03\x01\x02");
  plain.send(get("/"));
  EXPECT_TRUE(plain.read_to_end());
  EXPECT_TRUE(silent.read_to_end());
  EXPECT_TRUE(half.read_to_end());
}

TEST_F(TlsFiles, client_that_hangs_up_in_a_stream_is_gone) {
  TestSignal gone;
  std::shared_ptr<Exchange> held;
  TestService service([&](const std::shared_ptr<Exchange>& exchange) {
    exchange->on_gone([&] { gone.set(); });
    exchange->begin_stream("text/plain");
    exchange->write("begun");
    held = exchange;
  });
  const HttpServer server = start_server(options_, service);
  ssl::context context(ssl::context::tls_client);
  TestClient client(server.port());
  ASSERT_TRUE(client.begin_tls(context));
  client.send(get("/"));
  ASSERT_TRUE(client.read_until("begun"));
  client.close();
  EXPECT_TRUE(gone.wait());
  held.reset();
}

TEST_F(TlsFiles, server_ends_with_clients_in_every_state) {
  for (int round = 0; round < 6; round++) {
    TestService service(say);
    HttpServer server = start_server(options_, service);
    ssl::context context(ssl::context::tls_client);
    TestClient silent(server.port()), idle(server.port()), closing(server.port());
    ASSERT_TRUE(idle.begin_tls(context));
    ASSERT_TRUE(closing.begin_tls(context));
    EXPECT_EQ(closing.ask(get("/", "Connection: close\r\n")).status, 200);
    if (round == 0) {
      server.stop();
      server.wait();
    }
  }
}

TEST_F(TlsFiles, files_that_cannot_be_used_are_named) {
  TestService service(say);
  const auto error_of = [&](const std::string& certificate, const std::string& key) {
    HttpOptions options;
    options.tls_certificate_file = certificate;
    options.tls_key_file = key;
    const auto server = HttpServer::start(options, service);
    EXPECT_FALSE(server);
    return server ? "" : server.error().message;
  };
  const std::string good_key = path("key.pem"), good = path("cert.pem");
  EXPECT_NE(error_of("/no/such.pem", good_key).find("/no/such.pem"), std::string::npos);
  EXPECT_NE(error_of(good_key, good_key).find(good_key), std::string::npos);
  EXPECT_NE(error_of(good, "/no/such.pem").find("/no/such.pem"), std::string::npos);
  EXPECT_NE(error_of(good, path("other_key.pem")).find("other_key.pem"), std::string::npos);
  EXPECT_NE(error_of(good, "").find("key"), std::string::npos);
}

}  // namespace
}  // namespace outrider
