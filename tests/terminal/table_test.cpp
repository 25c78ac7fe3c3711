#include "terminal/table.h"

#include <gtest/gtest.h>

namespace yoke::terminal {
namespace {

TEST(Table, LinesUpAsTextAndIsMarkdown) {
  Table table({{"test"}, {"t/s", Table::Align::right}});
  table.add_row({"pp512", "88.81"});
  table.add_row({"tg16", "7.02"});
  EXPECT_EQ(table.markdown(),
            "| test  |   t/s |\n"
            "|-------|------:|\n"
            "| pp512 | 88.81 |\n"
            "| tg16  |  7.02 |\n");
}

TEST(Table, CountsCharactersNotBytes) {
  Table table({{"t/s", Table::Align::right}, {"host"}});
  table.add_row({"88.81 ± 0.20", "bücher"});
  table.add_row({"1", "a"});
  EXPECT_EQ(table.markdown(),
            "|          t/s | host   |\n"
            "|-------------:|--------|\n"
            "| 88.81 ± 0.20 | bücher |\n"
            "|            1 | a      |\n");
}

TEST(Table, WithoutRowsIsItsTitles) {
  EXPECT_EQ(Table({{"a"}, {"bc"}}).markdown(), "| a | bc |\n|---|----|\n");
}

}  // namespace
}  // namespace yoke::terminal
