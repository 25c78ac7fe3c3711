#include "kernels/kv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace yoke::kernels {
namespace {

TEST(KvType, IsFoundByItsName) {
  for (const KvType type : {KvType::f16, KvType::f32, KvType::q8})
    EXPECT_EQ(kv_type_named(name_of(type)), type);
}

TEST(KvType, RefusesOtherNamesAndListsThoseThereAre) {
  for (const char* name : {"", "F16", "q4_0"}) {
    try {
      kv_type_named(name);
      FAIL() << name << " was accepted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  testing::HasSubstr(std::string("'") + name + "'; expected one of f16, f32, q8"));
    }
  }
}

TEST(KvTile, HoldsKeysAndWholeVectorsOfValues) {
  EXPECT_EQ(kv_tile_bytes(KvType::f16, 128, 128), 64 * (128 + 128) * 2);
  EXPECT_EQ(kv_tile_bytes(KvType::f32, 10, 17), 64 * (10 + 32) * 4);
  EXPECT_EQ(kv_tile_bytes(KvType::q8, 128, 128), 64 * (128 + 128) * 34 / 32);
  EXPECT_EQ(kv_tile_bytes(KvType::q8, 10, 17), 64 * (10 + 2) + 64 * (32 + 4));
}

TEST(KvTile, HasNoNegativeSizeForLyingFiles) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  EXPECT_GE(kv_tile_bytes(KvType::f32, most, most), std::uint64_t{1} << 48);
}

}  // namespace
}  // namespace yoke::kernels
