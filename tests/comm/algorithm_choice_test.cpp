#include "comm/algorithm_choice.h"

#include <gtest/gtest.h>

#include "common/error_of.h"

namespace yoke::comm {
namespace {

TEST(AlgorithmChoice, IsByDefaultDirectUpTo32KBAndPiecesBeyond) {
  const AlgorithmChoice choice;
  EXPECT_EQ(choice.of(1), Algorithm::direct);
  EXPECT_EQ(choice.of(32768), Algorithm::direct);
  EXPECT_EQ(choice.of(32769), Algorithm::pieces);
}

TEST(AlgorithmChoice, IsReadAsItIsWritten) {
  for (const char* text : {"direct", "pieces", "doubling", "direct,pieces:32769",
                           "doubling,direct:1,pieces:100,doubling:18446744073709551615"}) {
    EXPECT_EQ(AlgorithmChoice::parse(text).text(), text);
  }
  EXPECT_EQ(AlgorithmChoice::parse("doubling,pieces:100").of(99), Algorithm::doubling);
  EXPECT_EQ(AlgorithmChoice::parse("doubling,pieces:100").of(100), Algorithm::pieces);
}

TEST(AlgorithmChoice, AnythingElseIsRefused) {
  for (const char* text :
       {"", "ring", "direct,", ",direct", "direct:5", "direct,pieces", "direct,pieces:", "direct,pieces:x",
        "direct,pieces:5x", "direct,pieces:-1", "direct,pieces:99999999999999999999", "DIRECT"}) {
    EXPECT_NE(error_of([&] { AlgorithmChoice::parse(text); }).find("expected direct, pieces or doubling"),
              std::string::npos)
        << text;
  }
  EXPECT_EQ(error_of([] { AlgorithmChoice::parse("direct,pieces:9,doubling:9"); }),
            "a choice of algorithms has 9 bytes after 9; expected more");
  EXPECT_EQ(error_of([] { AlgorithmChoice::parse("direct,pieces:0"); }),
            "a choice of algorithms has 0 bytes after 0; expected more");
  EXPECT_NE(error_of([] { AlgorithmChoice(std::vector<AlgorithmChoice::From>{}); }), "");
}

}  // namespace
}  // namespace yoke::comm
