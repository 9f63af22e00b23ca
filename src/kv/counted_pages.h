// The pages of one layer group, each free or held by so many sequences and snapshots.
#pragma once
#include <cstdint>
#include <vector>

#include "core/contract.h"
#include "core/id.h"

namespace outrider {

// Page 0 is the padding page: never free and never counted. Nothing here allocates once built.
class CountedPages {
 public:
  explicit CountedPages(std::uint32_t pages) : references_(pages, 0) {
    require(pages > 1, "one page is kept for padding rows");
    free_.reserve(pages);
    for (std::uint32_t page = pages; page-- > 1;) free_.push_back(PageId(page));
  }

  std::uint32_t free() const { return static_cast<std::uint32_t>(free_.size()); }
  std::uint32_t references(PageId page) const {
    require(page.value() < references_.size(), "a page of this group");
    return references_[page.value()];
  }
  // A free page, now held once.
  PageId take() {
    require(!free_.empty(), "pages are counted before they are taken");
    const PageId page = free_.back();
    free_.pop_back();
    references_[page.value()] = 1;
    return page;
  }
  void share(PageId page) {
    require(references(page) > 0, "only a held page is shared");
    ++references_[page.value()];
  }
  void release(PageId page) {
    require(references(page) > 0, "a page is released by who holds it");
    if (--references_[page.value()] == 0) free_.push_back(page);
  }

 private:
  std::vector<PageId> free_;
  std::vector<std::uint32_t> references_;  // [pages]
};

}  // namespace outrider
