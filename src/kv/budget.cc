#include "kv/budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace outrider {
namespace {

constexpr std::uint64_t kPagesMax = 1u << 30;  // page numbers and counts stay within 32 bits

// For each sequence: the end of the system prompt and that of the turn before.
constexpr std::uint32_t kCheckpointsEach = 2;

struct GroupBytes {
  std::uint64_t global, sliding;  // of one page
};

GroupBytes page_bytes(const KvLayout& layout) {
  return {layout.page_bytes(KvGroup::kGlobal), layout.page_bytes(KvGroup::kSliding)};
}

// A model without layers of a group has pages of no bytes there, as many as could be wanted.
std::uint64_t pages_in(std::uint64_t bytes, std::uint64_t of_page, std::uint64_t most) {
  return std::min({of_page == 0 ? most : bytes / of_page, most, kPagesMax});
}

// Sliding pages that a checkpoint holds: its window may begin inside a page.
std::uint32_t checkpoint_pages(const KvNeeds& needs) {
  return std::min(divide_up(needs.sequence_rows, kPageRows),
                  divide_up(needs.window - 1, kPageRows) + 1);
}

// Sliding pages for checkpoints that all sequences together want.
std::uint64_t checkpoints_wanted(const KvNeeds& needs) {
  return std::uint64_t{needs.sequences} * kCheckpointsEach * checkpoint_pages(needs);
}

// One sequence alone, and the page for padding rows in each group.
std::uint64_t least_bytes(const KvNeeds& needs, const GroupBytes& page) {
  const KvPages one = pages_of_sequence(needs);
  return (std::uint64_t{one.global} + 1) * page.global +
         (std::uint64_t{one.sliding} + 1) * page.sliding;
}

Error too_small(std::uint64_t bytes, const KvNeeds& needs, const GroupBytes& page) {
  // The longest sequence that would fit, in whole pages.
  std::uint32_t fits = 0, too_many = divide_up(needs.sequence_rows, kPageRows);
  while (too_many - fits > 1) {
    const std::uint32_t middle = fits + (too_many - fits) / 2;
    KvNeeds shorter = needs;
    shorter.sequence_rows = middle * kPageRows;
    (least_bytes(shorter, page) <= bytes ? fits : too_many) = middle;
  }
  const std::string hint =
      fits > 0 ? fmt::format(", and {} positions would fit", fits * kPageRows) : std::string();
  return Error{
      ErrorCode::kBadRequest,
      fmt::format("{} of KV memory are too little: one sequence of {} positions needs {}{}",
                  in_words(bytes), needs.sequence_rows, in_words(least_bytes(needs, page)), hint)};
}

}  // namespace

std::string in_words(std::uint64_t bytes) {
  const auto mib = static_cast<double>(bytes) / (1 << 20);
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.2f} GiB", mib / 1024);
}

KvPages pages_of_sequence(const KvNeeds& needs) {
  const std::uint32_t all = divide_up(needs.sequence_rows, kPageRows);
  // The kept window and the new rows are window + append_rows positions in a row; the first may be
  // the last of its page.
  const std::uint64_t span = std::uint64_t{needs.window} + needs.append_rows;
  return {all, static_cast<std::uint32_t>(std::min<std::uint64_t>(
                   all, divide_up<std::uint64_t>(span - 1, kPageRows) + 1))};
}

std::uint64_t kv_bytes_for_all(const KvNeeds& needs, const KvLayout& layout) {
  const GroupBytes page = page_bytes(layout);
  const KvPages one = pages_of_sequence(needs);
  const std::uint64_t sliding =
      std::uint64_t{one.sliding} + kCheckpointsEach * checkpoint_pages(needs);
  return (std::uint64_t{needs.sequences} * one.global + 1) * page.global +
         (std::uint64_t{needs.sequences} * sliding + 1) * page.sliding;
}

Result<KvBudget> plan_kv(std::uint64_t bytes, const KvNeeds& needs, const KvLayout& layout) {
  require(
      needs.sequences > 0 && needs.sequence_rows > 0 && needs.append_rows > 0 && needs.window > 0,
      "a pool is planned for somebody");
  const GroupBytes page = page_bytes(layout);
  if (bytes < least_bytes(needs, page)) return too_small(bytes, needs, page);

  const KvPages one = pages_of_sequence(needs);
  const std::uint64_t others = needs.sequences - 1;
  const std::uint64_t texts_want = others * one.global * page.global;
  const std::uint64_t checkpoints_want = checkpoints_wanted(needs) * page.sliding;

  std::uint64_t left = bytes - least_bytes(needs, page);
  const auto beyond = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : 0; };
  const std::uint64_t windows =
      pages_in(std::max(left / 2, beyond(left, texts_want + checkpoints_want)), page.sliding,
               others * one.sliding);
  left -= windows * page.sliding;

  const std::uint64_t for_checkpoints =
      left > texts_want + checkpoints_want
          ? checkpoints_want + (left - texts_want - checkpoints_want) / 4
          : std::min(checkpoints_want, std::max(left / 4, beyond(left, texts_want)));
  std::uint64_t checkpoints = pages_in(for_checkpoints, page.sliding,
                                       page.sliding == 0 ? checkpoints_wanted(needs) : kPagesMax);
  if (checkpoints < checkpoint_pages(needs)) checkpoints = 0;  // there is no part of a checkpoint
  left -= checkpoints * page.sliding;

  // Every prefix that is kept has a sliding page of its own at least.
  const std::uint64_t texts = pages_in(left, page.global, (others + checkpoints) * one.global);
  const KvLimits limits{
      .global_pages = static_cast<std::uint32_t>(1 + one.global + texts),
      .sliding_pages = static_cast<std::uint32_t>(1 + one.sliding + windows + checkpoints),
      .window = needs.window,
      .sequence_rows = needs.sequence_rows};
  return KvBudget{limits, {limits.global_pages - 1, static_cast<std::uint32_t>(checkpoints)}};
}

std::string describe(const KvBudget& budget, const KvLayout& layout) {
  const GroupBytes page = page_bytes(layout);
  const std::uint64_t global = budget.limits.global_pages * page.global;
  const std::uint64_t sliding = budget.limits.sliding_pages * page.sliding;
  return fmt::format(
      "keys and values: {}, in {} global pages ({}, {} positions) and {} sliding pages ({}, {} "
      "pages for checkpoints)",
      in_words(global + sliding), budget.limits.global_pages - 1, in_words(global),
      std::uint64_t{budget.limits.global_pages - 1} * kPageRows, budget.limits.sliding_pages - 1,
      in_words(sliding), budget.checkpoints.sliding);
}

}  // namespace outrider
