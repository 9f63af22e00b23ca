// What launches cost here, kept between runs in the user's cache folder, so that draft lengths are
// right from the first token on. A convenience: a file that is missing, of another build or
// machine, or made up by somebody is as good as none, and what can't be written is not.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "engine/runtime.h"
#include "engine/speculation.h"

namespace outrider {

// $XDG_CACHE_HOME/outrider or ~/.cache/outrider; nothing where neither is known. The first is to be
// an absolute path and is not believed otherwise.
std::optional<std::filesystem::path> cache_folder();

class CostFile {
 public:
  // A file of its own for everything that changes what launches cost: device and threads, the
  // models' tensors, this build, and what `settings` says besides. Without a folder nothing is read
  // or written.
  CostFile(std::optional<std::filesystem::path> folder, const Runtime& runtime,
           const std::string& settings);

  // Lets `speculation` start from what an earlier run learnt, if there is anything sane; whether
  // there was.
  bool restore(Speculation& speculation) const;
  // Keeps what `speculation` knows now in its place, whole or not at all; whether it is kept. A few
  // kilobytes: no longer a pause than a launch.
  bool keep(const Speculation& speculation) const;

  const std::filesystem::path& path() const { return path_; }  // empty without a folder

 private:
  std::filesystem::path path_;
  std::string key_;
};

}  // namespace outrider
