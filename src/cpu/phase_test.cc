// Which operations may follow each other without all threads meeting.
#include "cpu/phase.h"

#include <gtest/gtest.h>

namespace outrider {
namespace {

constexpr Split kWhole = Split::by_parts(1), kHeads = Split::by_parts(4);

Rows rows_at(std::size_t offset, std::uint32_t width = 64, RowSet set = RowSet::kAll) {
  return {set, width, width, offset};
}

class PhaseTest : public testing::Test {
 protected:
  Phase phase_{10, 3};
  Rows x_ = rows_at(0), y_ = rows_at(640), z_ = rows_at(1280);
};

TEST_F(PhaseTest, the_first_operation_waits_for_nobody) {
  EXPECT_FALSE(phase_.add({Access::write(x_, Split::anyhow())}));
}

TEST_F(PhaseTest, a_thread_goes_on_with_what_it_wrote_itself) {
  for (const Split split : {kWhole, kHeads, Split::by_columns()}) {
    Phase phase(10, 3);
    phase.add({Access::write(x_, split)});
    EXPECT_FALSE(phase.add({Access::read(x_, split), Access::write(y_, split)}));
    EXPECT_FALSE(phase.add({Access::write(y_, split)}));
  }
}

TEST_F(PhaseTest, what_others_wrote_or_may_have_written_is_waited_for) {
  const Split splits[] = {kWhole, kHeads, Split::by_columns(), Split::anyhow()};
  for (const Split writer : splits) {
    for (const Split reader : splits) {
      Phase phase(10, 3);
      phase.add({Access::write(x_, writer)});
      const bool own = writer == reader && writer != Split::anyhow();
      EXPECT_EQ(phase.add({Access::read(x_, reader)}), !own);
    }
  }
}

TEST_F(PhaseTest, what_others_still_read_is_not_written) {
  phase_.add({Access::read(x_, Split::anyhow()), Access::write(y_, kWhole)});
  EXPECT_FALSE(phase_.add({Access::read(x_, kWhole)}));
  EXPECT_TRUE(phase_.add({Access::write(x_, kWhole)}));
}

TEST_F(PhaseTest, other_rows_are_nobodys_business) {
  phase_.add({Access::read(x_, Split::anyhow()), Access::write(y_, Split::by_columns())});
  EXPECT_FALSE(phase_.add({Access::read(x_, Split::anyhow()), Access::write(z_, kWhole)}));
}

TEST_F(PhaseTest, rows_of_another_shape_in_the_same_place_are_not_the_same_rows) {
  phase_.add({Access::write(x_, kWhole)});
  Phase narrow = phase_, shifted = phase_, fewer = phase_;
  EXPECT_TRUE(narrow.add({Access::read(rows_at(0, 32), kWhole)}));
  EXPECT_TRUE(shifted.add({Access::read(rows_at(16), kWhole)}));
  EXPECT_TRUE(fewer.add({Access::read(rows_at(0, 64, RowSet::kLogit), kWhole)}));
}

TEST_F(PhaseTest, a_set_reaches_as_far_as_it_has_rows) {
  phase_.add({Access::write(rows_at(0, 64, RowSet::kLogit), kWhole)});
  EXPECT_FALSE(phase_.add({Access::read(rows_at(3 * 64), kHeads)}));
  EXPECT_EQ(phase_.end_of(x_), 640u);
}

TEST_F(PhaseTest, meeting_ends_the_phase) {
  phase_.add({Access::write(x_, kWhole)});
  EXPECT_EQ(phase_.written(x_), kWhole);
  EXPECT_TRUE(phase_.add({Access::read(x_, Split::anyhow())}));
  EXPECT_EQ(phase_.written(x_), Split::anyhow());
  EXPECT_FALSE(phase_.add({Access::read(x_, kHeads), Access::write(y_, kHeads)}));
}

TEST_F(PhaseTest, an_unknown_operation_is_alone_in_its_phase) {
  EXPECT_FALSE(phase_.add_unknown());
  EXPECT_TRUE(phase_.add({Access::write(x_, kWhole)}));
  EXPECT_TRUE(phase_.add_unknown());
  EXPECT_TRUE(phase_.add_unknown());
}

}  // namespace
}  // namespace outrider
