#include "kv/prefix_cache.h"

#include <xxhash.h>

#include <algorithm>

namespace outrider {
namespace {}  // namespace

std::uint64_t PrefixCache::xxh3(std::uint64_t before, std::uint32_t token) {
  return XXH3_64bits_withSeed(&token, sizeof token, before);
}

PrefixCache::PrefixCache(KvPool& pool, KvPages budget, Hash hash)
    : pool_(pool),
      hash_(hash),
      held_{Held{budget.global, 0, std::vector<std::uint32_t>(pool.limits().global_pages, 0)},
            Held{budget.sliding, 0, std::vector<std::uint32_t>(pool.limits().sliding_pages, 0)}} {}

std::uint64_t PrefixCache::first_hash(PrefixRoot root) const {
  const std::uint64_t high = hash_(0, static_cast<std::uint32_t>(root.id >> 32));
  return hash_(high, static_cast<std::uint32_t>(root.id));
}

// Equal hashes are a hint; the tokens themselves decide, or one user would go on with another's
// text.
PrefixCache::Checkpoints::iterator PrefixCache::find(PrefixRoot root, std::uint64_t hash,
                                                     std::span<const TokenId> tokens) {
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto each = first; each != last; ++each) {
    const Checkpoint& checkpoint = *each->second;
    if (checkpoint.root == root && std::equal(checkpoint.tokens.begin(), checkpoint.tokens.end(),
                                              tokens.begin(), tokens.end())) {
      return each->second;
    }
  }
  return checkpoints_.end();
}

bool PrefixCache::keep(PrefixRoot root, std::span<const TokenId> tokens, KvSnapshot snapshot) {
  require(!tokens.empty() && tokens.size() == snapshot.length(),
          "a checkpoint is of exactly the tokens it holds");
  for (const KvGroup group : kEachKvGroup) {
    if (snapshot.pages(group).size() > of(group).budget) return false;
  }
  std::uint64_t hash = first_hash(root);
  for (const TokenId token : tokens) hash = hash_(hash, token.value());

  hold(snapshot);
  if (const auto equal = find(root, hash, tokens); equal != checkpoints_.end()) {
    let_go(equal->snapshot);
    equal->snapshot = std::move(snapshot);
    checkpoints_.splice(checkpoints_.begin(), checkpoints_, equal);
  } else {
    checkpoints_.push_front(
        {root, hash, std::vector<TokenId>(tokens.begin(), tokens.end()), std::move(snapshot)});
    by_hash_.emplace(hash, checkpoints_.begin());
    ++counts_.checkpoints;
  }
  const auto over = [this](KvGroup group) { return of(group).pages > of(group).budget; };
  while (std::any_of(kEachKvGroup.begin(), kEachKvGroup.end(), over))
    evict(std::prev(checkpoints_.end()));
  return true;
}

std::optional<PrefixMatch> PrefixCache::match(PrefixRoot root, std::span<const TokenId> tokens) {
  ++counts_.lookups;
  candidates_.clear();
  if (checkpoints_.empty() || tokens.size() < 2) return std::nullopt;
  std::uint64_t hash = first_hash(root);
  for (std::size_t length = 1; length <= tokens.size(); ++length) {
    hash = hash_(hash, tokens[length - 1].value());
    if (by_hash_.contains(hash)) candidates_.push_back({hash, length});
  }
  for (; !candidates_.empty(); candidates_.pop_back()) {
    const auto [at, length] = candidates_.back();
    const auto best = find(root, at, tokens.first(length));
    if (best == checkpoints_.end()) continue;
    const auto rows = static_cast<std::uint32_t>(std::min(length, tokens.size() - 1));
    if (rows < best->snapshot.shortest()) continue;  // of a sequence that was itself restored short
    checkpoints_.splice(checkpoints_.begin(), checkpoints_, best);
    ++counts_.hits;
    counts_.hit_rows += rows;
    return PrefixMatch{best->snapshot, rows};
  }
  return std::nullopt;
}

bool PrefixCache::make_room(std::uint32_t global_pages, std::uint32_t sliding_pages) {
  const auto want = [&](KvGroup g) { return g == KvGroup::kGlobal ? global_pages : sliding_pages; };
  const auto is_short = [&](KvGroup g) { return pool_.free_pages(g) < want(g); };
  for (const KvGroup group : kEachKvGroup) {
    if (is_short(group) && pool_.free_pages(group) + reclaimable_pages(group) < want(group)) {
      return false;
    }
  }
  // One pass is enough: every page that only checkpoints hold is held by one that is not passed by.
  for (auto each = checkpoints_.end(); each != checkpoints_.begin();) {
    if (std::none_of(kEachKvGroup.begin(), kEachKvGroup.end(), is_short)) break;
    --each;
    const bool helps = std::any_of(kEachKvGroup.begin(), kEachKvGroup.end(), [&](KvGroup group) {
      return is_short(group) && frees_some(*each, group);
    });
    if (helps) each = evict(each);
  }
  return true;
}

void PrefixCache::clear() {
  for (const Checkpoint& checkpoint : checkpoints_) let_go(checkpoint.snapshot);
  by_hash_.clear();
  checkpoints_.clear();
  counts_.checkpoints = 0;
}

std::uint32_t PrefixCache::reclaimable_pages(KvGroup group) const {
  std::uint32_t pages = 0;
  for (std::uint32_t page = 0; page < of(group).holders.size(); ++page) {
    pages += only_checkpoints_hold(group, PageId(page)) ? 1 : 0;
  }
  return pages;
}

void PrefixCache::hold(const KvSnapshot& snapshot) {
  for (const KvGroup group : kEachKvGroup) {
    Held& held = of(group);
    for (const PageId page : snapshot.pages(group)) {
      if (held.holders[page.value()]++ == 0) ++held.pages;
    }
  }
}

void PrefixCache::let_go(const KvSnapshot& snapshot) {
  for (const KvGroup group : kEachKvGroup) {
    Held& held = of(group);
    for (const PageId page : snapshot.pages(group)) {
      if (--held.holders[page.value()] == 0) --held.pages;
    }
  }
}

bool PrefixCache::only_checkpoints_hold(KvGroup group, PageId page) const {
  const std::uint32_t holders = of(group).holders[page.value()];
  return holders > 0 && holders == pool_.references(group, page);
}

bool PrefixCache::frees_some(const Checkpoint& checkpoint, KvGroup group) const {
  const auto pages = checkpoint.snapshot.pages(group);
  return std::any_of(pages.begin(), pages.end(),
                     [&](PageId page) { return only_checkpoints_hold(group, page); });
}

// Returns the checkpoint that was used next less recently.
PrefixCache::Checkpoints::iterator PrefixCache::evict(Checkpoints::iterator checkpoint) {
  let_go(checkpoint->snapshot);
  const auto [first, last] = by_hash_.equal_range(checkpoint->hash);
  by_hash_.erase(
      std::find_if(first, last, [&](const auto& each) { return each.second == checkpoint; }));
  --counts_.checkpoints;
  ++counts_.evictions;
  return checkpoints_.erase(checkpoint);
}

}  // namespace outrider
