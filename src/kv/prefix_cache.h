// Beginnings of texts that were computed before: checkpoints of finished and of running sequences,
// found by the tokens they hold. Sliding layers forget what is behind the window, so a text can
// only go on where a checkpoint was taken.
#pragma once
#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/id.h"
#include "kv/pool.h"

namespace outrider {

// What stands before a text's first token: the same tokens under another root share nothing. 0 is
// the bare model; an adapter, or media whose rows are not tokens, gets an id of its own.
struct PrefixRoot {
  std::uint64_t id = 0;
  friend bool operator==(PrefixRoot, PrefixRoot) = default;
};

// Where a new sequence can begin.
struct PrefixMatch {
  const KvSnapshot& snapshot;  // borrowed until the cache is next changed
  std::uint32_t rows;          // to be restored, at least 1
};

struct PrefixCacheCounts {
  std::uint64_t checkpoints = 0;  // kept now
  std::uint64_t lookups = 0;
  std::uint64_t hits = 0;
  std::uint64_t hit_rows = 0;   // rows that did not have to be computed
  std::uint64_t evictions = 0;  // to stay within the budget, and to make room
};

// Checkpoints by what was least recently used, within a budget of pages per group: one for both, in
// bytes, would let one group's checkpoints fill the pool of the other.
class PrefixCache {
 public:
  // One step of the chain that a text's hash is: the hash of all before, and the next token.
  using Hash = std::uint64_t (*)(std::uint64_t before, std::uint32_t token);
  static std::uint64_t xxh3(std::uint64_t before, std::uint32_t token);

  // The pool outlives the cache. A page counts once, however many checkpoints hold it, and also
  // while sequences hold it. Tests bring a hash that collides.
  PrefixCache(KvPool& pool, KvPages budget, Hash hash = &xxh3);

  // Keeps a checkpoint of the sequence that holds exactly `tokens`, in place of one of the same
  // tokens, and evicts what no longer fits beside it. False, and nothing is kept or evicted, where
  // it is larger than the whole budget.
  bool keep(PrefixRoot root, std::span<const TokenId> tokens, KvSnapshot snapshot);

  // The checkpoint to begin `tokens` with: the longest whose tokens are its first ones. At least
  // the last token is left to be computed, for its logits and hidden row.
  std::optional<PrefixMatch> match(PrefixRoot root, std::span<const TokenId> tokens);

  // Evicts until so many pages are free, oldest first, but only what helps: a checkpoint whose
  // pages running sequences hold as well frees none. False, and nothing is evicted, where all of
  // it would not do.
  bool make_room(std::uint32_t global_pages, std::uint32_t sliding_pages);
  void clear();

  // Pages that only checkpoints hold: as good as free.
  std::uint32_t reclaimable_pages(KvGroup group) const;
  // How many checkpoints hold a page.
  std::uint32_t holders(KvGroup group, PageId page) const {
    return of(group).holders[page.value()];
  }
  // Pages that checkpoints hold, alone or with sequences.
  std::uint32_t held_pages(KvGroup group) const { return of(group).pages; }
  const PrefixCacheCounts& counts() const { return counts_; }

 private:
  struct Checkpoint {
    PrefixRoot root;
    std::uint64_t hash;
    std::vector<TokenId> tokens;
    KvSnapshot snapshot;
  };
  using Checkpoints = std::list<Checkpoint>;
  struct Candidate {
    std::uint64_t hash;
    std::size_t length;
  };
  // How many checkpoints hold each page of a group.
  struct Held {
    std::uint32_t budget;
    std::uint32_t pages = 0;
    std::vector<std::uint32_t> holders;  // [pages of the pool]
  };
  Held& of(KvGroup group) { return held_[static_cast<std::size_t>(group)]; }
  const Held& of(KvGroup group) const { return held_[static_cast<std::size_t>(group)]; }

  std::uint64_t first_hash(PrefixRoot root) const;
  Checkpoints::iterator find(PrefixRoot root, std::uint64_t hash, std::span<const TokenId> tokens);
  void hold(const KvSnapshot& snapshot);
  void let_go(const KvSnapshot& snapshot);
  bool only_checkpoints_hold(KvGroup group, PageId page) const;
  bool frees_some(const Checkpoint& checkpoint, KvGroup group) const;
  Checkpoints::iterator evict(Checkpoints::iterator checkpoint);

  KvPool& pool_;
  Hash hash_;
  std::array<Held, kKvGroups> held_;
  Checkpoints checkpoints_;  // most recently used first
  std::unordered_multimap<std::uint64_t, Checkpoints::iterator> by_hash_;
  std::vector<Candidate> candidates_;  // scratch of match, shortest first
  PrefixCacheCounts counts_;
};

}  // namespace outrider
