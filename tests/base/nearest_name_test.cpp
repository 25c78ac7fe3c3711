#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <array>

namespace yoke {
namespace {

constexpr std::array<std::string_view, 5> names = {"qwen2", "qwen3", "llama", "llama4", "gpt-2"};

TEST(NearestName, IsTheOneThatTakesTheFewestChanges) {
  EXPECT_EQ(nearest_name("lama", names), "llama");
  EXPECT_EQ(nearest_name("llama-4", names), "llama4");
  EXPECT_EQ(nearest_name("gpt2", names), "gpt-2");
  EXPECT_EQ(nearest_name("qwen3", names), "qwen3");
}

TEST(NearestName, IsTheFirstOfEquals) {
  EXPECT_EQ(nearest_name("qwen", names), "qwen2");
  EXPECT_EQ(nearest_name("", names), "qwen2");
}

}  // namespace
}  // namespace yoke
