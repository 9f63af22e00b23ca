#include "platform/executable.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <system_error>

namespace outrider {
namespace {

// The build id among the notes of a loaded segment; empty when there is none. A note is a header,
// its owner's name and its content, each padded to four bytes.
std::string build_id_in(std::span<const std::byte> notes) {
  using namespace std::string_view_literals;
  constexpr std::string_view kGnu = "GNU\0"sv;
  const auto padded = [](std::size_t bytes) { return (bytes + 3) / 4 * 4; };
  ElfW(Nhdr) note;
  while (notes.size() >= sizeof note) {
    std::memcpy(&note, notes.data(), sizeof note);
    const std::size_t name = sizeof note, content = name + padded(note.n_namesz);
    const std::size_t end = content + padded(note.n_descsz);
    if (end > notes.size()) return {};
    const std::string_view owner(reinterpret_cast<const char*>(&notes[name]), note.n_namesz);
    if (note.n_type == NT_GNU_BUILD_ID && owner == kGnu) {
      std::string hex;
      for (const std::byte b : notes.subspan(content, note.n_descsz)) {
        hex += fmt::format("{:02x}", std::to_integer<int>(b));
      }
      return hex;
    }
    notes = notes.subspan(end);
  }
  return {};
}

// The first object is the program itself: a number other than 0 ends the walk there.
int take_build_id(dl_phdr_info* info, std::size_t, void* into) {
  for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    // The address is the loader's: a number is all there is.
    const auto* at = reinterpret_cast<const std::byte*>(info->dlpi_addr + header.p_vaddr);
    const std::string id = build_id_in({at, header.p_memsz});
    if (id.empty()) continue;
    *static_cast<std::string*>(into) = id;
    break;
  }
  return 1;
}

}  // namespace

std::string build_id() {
  std::string id;
  dl_iterate_phdr(take_build_id, &id);
  return id;
}

std::optional<std::filesystem::path> executable_path() {
  std::error_code failed;
  auto path = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return std::nullopt;
  return path;
}

}  // namespace outrider
