#include "format/output_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/contract.h"

namespace outrider {

OutputFile::OutputFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

Result<OutputFile> OutputFile::create(const std::string& path) {
  OutputFile output(path, nullptr);
  output.file_.reset(std::fopen(output.partial_path().c_str(), "wb"));
  if (output.file_ == nullptr) return output.failed();
  return output;
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::remove(partial_path().c_str());
}

Error OutputFile::failed() const {
  return {ErrorCode::kDevice, fmt::format("cannot write {}: {}", path_, std::strerror(errno))};
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
  require(file_ != nullptr, "nothing is written to a finished file");
  if (bytes.empty()) return {};
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) return failed();
  written_ += bytes.size();
  return {};
}

Result<void> OutputFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text)));
}

Result<void> OutputFile::write_zeros(std::uint64_t count) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (count > 0) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, kZeros.size()));
    if (auto wrote = write(std::span(kZeros).first(part)); !wrote) return wrote;
    count -= part;
  }
  return {};
}

Result<void> OutputFile::finish() {
  require(file_ != nullptr, "a file is finished once");
  // A full disk may only show when buffers reach it, so the rename waits for that.
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) return failed();
  if (std::rename(partial_path().c_str(), path_.c_str()) != 0) return failed();
  if (std::fclose(file_.release()) != 0) return failed();
  return {};
}

}  // namespace outrider
