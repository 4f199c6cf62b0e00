#include "cell/lane/record_numbers.h"

#include "gtest/gtest.h"
#include "model/sequence_number.h"

namespace weir::cell {
namespace {

TEST(RecordNumbers, BeginAtTheEpochsFirstAndGoOnFromTheLast) {
  const Epoch epoch{3};
  EXPECT_EQ(number_records(epoch, {0}, 10), first_number_of(epoch));
  const RecordIndex later{first_number_of(epoch).value + 77};
  EXPECT_EQ(number_records(epoch, later, 10), later);
  EXPECT_GT(first_number_of({4}), RecordIndex{end_of_numbers_of(epoch).value - 1});
}

TEST(RecordNumbers, NeverLeaveTheirEpoch) {
  const Epoch epoch{3};
  const RecordIndex last_ten{end_of_numbers_of(epoch).value - 10};
  EXPECT_EQ(number_records(epoch, last_ten, 10), last_ten);
  EXPECT_EQ(number_records(epoch, last_ten, 11), std::nullopt);
  EXPECT_EQ(number_records(epoch, end_of_numbers_of(epoch), 1), std::nullopt);
  EXPECT_EQ(number_records(epoch, RecordIndex{end_of_numbers_of(epoch).value + 5}, 1), std::nullopt);
}

TEST(RecordNumbers, StayBelowTheEndingNumberOfAShard) {
  EXPECT_LE(end_of_numbers_of(epoch_max), model::ending_record_index);
}

}  // namespace
}  // namespace weir::cell
