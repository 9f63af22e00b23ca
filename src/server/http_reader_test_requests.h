// Requests to read, and ways to damage them.
#pragma once
#include <random>
#include <string>
#include <vector>

namespace outrider {

inline std::vector<std::string> sample_requests() {
  return {
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /v1/models?x=1 HTTP/1.0\r\n\r\n",
      "\r\nGET http://host:1/path HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      "POST /v1/messages HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n{\"a\": [12]}",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\n{\"a\"\r\n2;name=\"value\"\r\n:1\r\n1\r\n}\r\n0\r\nTrailer: yes\r\n\r\n",
      "POST /completion HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nX-Request-Id: id-1\r\n"
      "Authorization: Bearer key\r\nContent-Length: 2\r\n\r\n{}",
      "OPTIONS /v1/responses HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n"
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: a, b\r\n\r\n",
      "POST /empty HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "DELETE /x HTTP/1.1\r\nHost: h\r\nA: folded\r\n  line\r\nContent-Length: 0\r\n\r\n",
  };
}

// A few bytes changed, lost, doubled or put in; or the end cut off.
inline std::string damaged(std::string text, std::mt19937& random) {
  const std::string spice[] = {"\r\n",
                               "\n",
                               "\r",
                               ":",
                               " ",
                               ";",
                               ",",
                               "\t",
                               "0",
                               "chunked",
                               "Transfer-Encoding: chunked\r\n",
                               "Content-Length: 3\r\n",
                               std::string(1, '\0'),
                               "\xff",
                               "HTTP/1.1",
                               "\r\n\r\n",
                               "ffffffff"};
  for (std::size_t left = 1 + random() % 3; left > 0 && !text.empty(); left--) {
    const std::size_t at = random() % text.size();
    switch (random() % 5) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + random() % 4);
        break;
      case 2:
        text.insert(at, spice[random() % std::size(spice)]);
        break;
      case 3:
        text.insert(at, text.substr(at, 1 + random() % 20));
        break;
      default:
        text.resize(at);
        break;
    }
  }
  return text;
}

}  // namespace outrider
