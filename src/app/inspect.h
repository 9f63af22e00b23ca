// What a GGUF file holds, and whether this build can serve it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "kv/layout.h"

namespace outrider {

struct TypeCount {
  std::uint32_t tensors = 0;
  std::uint64_t bytes = 0;
};

// Keys and values of one sequence.
struct KvMemory {
  std::uint32_t context = 0;        // positions
  std::uint64_t global_bytes = 0;   // of layers that see everything
  std::uint64_t sliding_bytes = 0;  // of layers that see a window
};

// A file beside the target that looks like its drafter.
struct DrafterNearby {
  std::string path;
  std::string obstacle;  // why it does not fit; empty: it does
};

struct FileReport {
  std::string path;
  std::string architecture;
  std::string name;
  std::uint64_t file_bytes = 0;
  std::uint64_t parameters = 0;  // values of all tensors
  std::map<std::string, TypeCount> types;
  bool is_drafter = false;
  std::string obstacle;  // why this build cannot serve it; empty: it can
  // The rest is known only without an obstacle.
  std::uint32_t layers = 0;
  std::uint32_t full_layers = 0;
  std::uint32_t context = 0;
  std::uint32_t window = 0;
  std::uint32_t vocab = 0;
  std::uint64_t weight_bytes = 0;  // of all tensors, mapped
  std::optional<KvMemory> kv;      // of a target
  std::vector<DrafterNearby> drafters;
};

struct InspectOptions {
  std::string path;
  std::uint32_t context = 4096;
  KvFormat kv_format = KvFormat::kF16;
};

// Fails only where the file is no GGUF file at all.
Result<FileReport> inspect_file(const InspectOptions& options);

std::string describe(const FileReport& report);  // for people, several lines
std::string to_json(const FileReport& report);   // one object

}  // namespace outrider
