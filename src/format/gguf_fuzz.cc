// Any bytes at all are a GGUF file or a sentence.
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/gguf.h"
#include "format/touch_everything.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = outrider::GgufFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
  volatile std::uint64_t sum = 0;
  sum = file ? outrider::touch_everything(*file) : file.error().message.size();
  outrider::require(file || sum > 0, "an error has a sentence");
  return 0;
}
