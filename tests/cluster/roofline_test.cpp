#include "cluster/roofline.h"

#include <gtest/gtest.h>

namespace yoke::cluster {
namespace {

TEST(Roofline, HasPlausibleLimitsOfAsManyThreads) {
  for (const int threads : {1, 2}) {
    Roofline roofline(threads);
    roofline.measure();
    roofline.measure();
    EXPECT_EQ(roofline.threads(), threads);
    EXPECT_GT(roofline.int8_ops(), 1e6);
    EXPECT_LT(roofline.int8_ops(), threads * 1.6e13);
    EXPECT_GT(roofline.f32_ops(), 1e6);
    EXPECT_LT(roofline.f32_ops(), threads * 1.6e13);
    if (roofline.stream()) {
      EXPECT_GT(*roofline.stream(), 1e6);
      EXPECT_LT(*roofline.stream(), 1e13);
    } else {
      EXPECT_NE(roofline.no_stream(), "");
    }
  }
}

}  // namespace
}  // namespace yoke::cluster
