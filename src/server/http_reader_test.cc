#include "server/http_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/http_reader_test_requests.h"

namespace outrider {
namespace {

constexpr HttpReader::State kWaits = HttpReader::State::kBody;  // for more, as in kHead

struct Outcome {
  HttpReader::State state = HttpReader::State::kHead;
  int status = 0;  // of an error
  std::string path;
  std::string body;
  std::size_t taken = 0;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << "state " << static_cast<int>(outcome.state) << " status " << outcome.status
             << " path " << outcome.path << " body " << outcome.body << " taken " << outcome.taken;
}

// Feeds `text` in pieces of `step` bytes, as a connection would.
Outcome read(const std::string& text, std::size_t step, const HttpLimits& limits = {}) {
  HttpReader reader(limits);
  Outcome outcome;
  std::string waiting;
  for (std::size_t at = 0; at < text.size(); at += step) {
    waiting += text.substr(at, step);
    for (;;) {
      const std::size_t taken = reader.take(waiting);
      EXPECT_LE(taken, waiting.size());
      waiting.erase(0, taken);
      outcome.taken += taken;
      if (taken == 0 || waiting.empty()) break;
    }
  }
  outcome.state = reader.state();
  if (outcome.state == HttpReader::State::kFailed) {
    outcome.status = reader.error().status;
    outcome.taken = 0;  // of no interest
    return outcome;
  }
  outcome.path = reader.head().path;
  outcome.body = reader.body();
  return outcome;
}

int status_of(const std::string& text, const HttpLimits& limits = {}) {
  return read(text, text.size(), limits).status;
}

TEST(HttpReader, request_means_the_same_however_it_is_cut) {
  for (const std::string& text : sample_requests()) {
    const Outcome whole = read(text, text.size());
    EXPECT_EQ(whole.state, HttpReader::State::kDone) << text;
    EXPECT_EQ(whole.taken, text.size()) << text;
    for (std::size_t step = 1; step < 20; step++) EXPECT_EQ(read(text, step), whole) << text;
  }
}

TEST(HttpReader, damaged_request_means_the_same_however_it_is_cut) {
  std::mt19937 random(7);
  const auto samples = sample_requests();
  for (int round = 0; round < 3000; round++) {
    const std::string text = damaged(samples[random() % samples.size()], random);
    if (text.empty()) continue;
    const Outcome whole = read(text, text.size());
    const Outcome cut = read(text, 1 + random() % 9);
    // A fault may be seen only when the head is complete, and so never.
    const bool may_wait = whole.state == HttpReader::State::kFailed && cut.state <= kWaits;
    EXPECT_EQ(cut.state, may_wait ? cut.state : whole.state) << "round " << round << "\n" << text;
    const bool is_done = whole.state == HttpReader::State::kDone;
    EXPECT_EQ(cut, is_done ? whole : cut) << text;
  }
}

TEST(HttpReader, rest_of_the_input_is_left_for_the_next_request) {
  const std::string one = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
  EXPECT_EQ(read(one + "GET / HTT", 1000).taken, one.size());
}

TEST(HttpReader, keys_are_found_in_either_field) {
  const auto key_of = [](const std::string& field) {
    HttpReader reader(HttpLimits{});
    const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n" + field + "\r\n\r\n";
    reader.take(text);
    return reader.head().key;
  };
  EXPECT_EQ(key_of("Authorization: Bearer secret"), "secret");
  EXPECT_EQ(key_of("authorization: bearer  secret "), "secret");
  EXPECT_EQ(key_of("X-API-Key: secret"), "secret");
  EXPECT_EQ(key_of("x-api-key: one\r\nauthorization: Bearer two"), "one");
  EXPECT_EQ(key_of("Authorization: Basic c2VjcmV0"), "");
  EXPECT_EQ(key_of("Authorization: Bearer"), "");
}

TEST(HttpReader, request_ids_are_kept_only_where_they_are_sane) {
  const auto id_of = [](const std::string& id) {
    HttpReader reader(HttpLimits{});
    reader.take("GET / HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + id + "\r\n\r\n");
    EXPECT_EQ(reader.state(), HttpReader::State::kDone);
    return reader.head().id;
  };
  EXPECT_EQ(id_of("b5e4-1"), "b5e4-1");
  EXPECT_EQ(id_of(std::string(128, 'x')), std::string(128, 'x'));
  EXPECT_EQ(id_of(std::string(129, 'x')), "");
  EXPECT_EQ(id_of("two words"), "");
  EXPECT_EQ(id_of("\xc3\xa9"), "");
}

TEST(HttpReader, what_two_readers_could_take_differently_is_refused) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status_of(head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: 1, 2\r\n\r\nab"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"), 400);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: gzip\r\n\r\n"), 501);
  EXPECT_EQ(status_of(head + "Transfer-Encoding: chunked, chunked\r\n\r\n"), 501);
  EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 501);
  EXPECT_EQ(status_of(head + "Content-Length: +1\r\n\r\na"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: -1\r\n\r\na"), 400);
  EXPECT_EQ(status_of(head + "Content-Length: 0x1\r\n\r\na"), 400);
  EXPECT_EQ(status_of(head + "Content-Length : 1\r\n\r\na"), 400);
  EXPECT_EQ(status_of(head + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na"), 415);
}

TEST(HttpReader, one_host_is_needed) {
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 0);
}

TEST(HttpReader, malformed_requests_are_refused) {
  for (const std::string text :
       {"GET\r\n\r\n", "GET /\r\n\r\n", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost h\r\n\r\n",
        "GET / HTTP/1.1\r\n: h\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA: \x01\r\n\r\n",
        "GET path HTTP/1.1\r\nHost: h\r\n\r\n", "CONNECT host:80 HTTP/1.1\r\nHost: h\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nA\x7f: b\r\n\r\n",
        "{\"model\": 1}\r\n\r\n"}) {
    EXPECT_EQ(status_of(text), 400) << text;
  }
  EXPECT_EQ(status_of(std::string("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", 28)), 400);
  EXPECT_EQ(status_of(std::string("GET / HTTP/1.1\r\nHost: \0h\r\n\r\n", 28)), 400);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.1 \r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n"), 417);
}

TEST(HttpReader, malformed_chunks_are_refused) {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string chunks : {"x\r\n", "-1\r\n", "1\r\nabc\r\n", "ffffffffffffffffff\r\n",
                                   "1;\x01\r\na\r\n", "\r\n\r\n"}) {
    EXPECT_NE(status_of(head + chunks + "0\r\n\r\n"), 0) << chunks;
  }
}

TEST(HttpReader, long_heads_are_refused_however_they_come) {
  HttpLimits limits;
  limits.head_bytes = 1000;
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  std::string fields;
  while (fields.size() < 1000) fields += "A: 123456\r\n";
  const std::string ends[] = {"X: " + std::string(1000, 'x'), fields, std::string(1000, 'X')};
  for (const std::string& end : ends) {
    for (const std::size_t step : {1u, 11u, 100u, 5000u}) {
      EXPECT_EQ(read(start + end, step, limits).status, 431) << step;
    }
  }
  EXPECT_EQ(status_of("GET /" + std::string(1000, 'x'), limits), 431);
  EXPECT_EQ(status_of(std::string(1000, 'G'), limits), 431);
}

TEST(HttpReader, long_bodies_are_refused_when_they_are_announced) {
  HttpLimits limits;
  limits.body_bytes = 100;
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(status_of(head + "Content-Length: 101\r\n\r\n", limits), 413);
  EXPECT_EQ(status_of(head + "Content-Length: 18446744073709551615\r\n\r\n", limits), 413);
  EXPECT_EQ(status_of(head + "Content-Length: 18446744073709551616\r\n\r\n", limits), 400);
  EXPECT_EQ(status_of(head + "Content-Length: 100\r\n\r\n", limits), 0);
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(status_of(chunked + "65\r\naa", limits), 413);
  const std::string part = "32\r\n" + std::string(50, 'a') + "\r\n";
  EXPECT_EQ(status_of(chunked + part + part, limits), 0);
  EXPECT_EQ(status_of(chunked + part + part + "1\r\naa", limits), 413);
}

TEST(HttpReader, endless_chunk_extensions_and_trailers_are_refused) {
  HttpLimits limits;
  limits.head_bytes = 1000;
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(status_of(head + "1;a=" + std::string(2000, 'b'), limits), 400);
  EXPECT_EQ(status_of(head + "0\r\nA: " + std::string(2000, 'b'), limits), 400);
}

}  // namespace
}  // namespace outrider
