#include "cli/size_flag.h"

#include <gtest/gtest.h>

namespace yoke::cli {
namespace {

TEST(Size, OfAFlagIsStoredOrAWrongCommandLine) {
  CLI::App app;
  std::uint64_t bytes = 7;
  add_size(app, "--cache-size", bytes, "Bytes");
  app.parse(std::vector<std::string>{"2KB", "--cache-size"});
  EXPECT_EQ(bytes, 2000u);
  EXPECT_THROW(app.parse(std::vector<std::string>{"much", "--cache-size"}), CLI::ValidationError);
}

}  // namespace
}  // namespace yoke::cli
