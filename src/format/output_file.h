// A file that appears whole or not at all: it is written beside its place and renamed at the end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"

namespace outrider {

class OutputFile {
 public:
  // Writes to PATH.partial. All errors (kDevice) name the path and the system's reason.
  static Result<OutputFile> create(const std::string& path);

  OutputFile(OutputFile&&) noexcept = default;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // removes PATH.partial unless finish() succeeded

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text);
  Result<void> write_zeros(std::uint64_t count);
  std::uint64_t written() const { return written_; }  // bytes so far

  // Puts everything on disk and renames PATH.partial to PATH, over what was there. The last call.
  Result<void> finish();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  OutputFile(std::string path, std::FILE* file);
  std::string partial_path() const { return path_ + ".partial"; }
  Error failed() const;

  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;  // null once finished or moved from
  std::uint64_t written_ = 0;
};

}  // namespace outrider
