#include "text/normal_form.h"

#include <gtest/gtest.h>

#include <string>

#include "fixtures.h"

namespace yoke::text {
namespace {

std::string nfc(std::string_view text) {
  std::string buffer = "of before";
  return std::string(to_nfc(text, buffer));
}

// The examples of Unicode Standard Annex #15, figures 3 to 6, and of its composition exclusions.
TEST(NormalForm, IsUnicodesNormalFormC) {
  EXPECT_EQ(nfc("e\u0301 combining"), "\u00e9 combining");
  EXPECT_EQ(nfc("\u212b"), "\u00c5") << "a singleton";
  EXPECT_EQ(nfc("\u2126"), "\u03a9");
  EXPECT_EQ(nfc("A\u030a"), "\u00c5");
  EXPECT_EQ(nfc("\u1e0b\u0323"), "\u1e0d\u0307") << "the dot below comes first";
  EXPECT_EQ(nfc("q\u0307\u0323"), "q\u0323\u0307");
  EXPECT_EQ(nfc("\ufb01"), "\ufb01") << "compatibility characters stay";
  EXPECT_EQ(nfc("2\u2075"), "2\u2075");
  EXPECT_EQ(nfc("\u1e9b\u0323"), "\u1e9b\u0323");
  EXPECT_EQ(nfc("\u0958"), "\u0915\u093c") << "excluded from composition";
  EXPECT_EQ(nfc("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(nfc("\ud558\u11ab"), "\ud55c");
  EXPECT_EQ(nfc("a\u0301\u0301"), "\u00e1\u0301");
  EXPECT_EQ(nfc("\u0301"), "\u0301") << "a mark without a letter";
}

TEST(NormalForm, HandsBackATextThatCannotChange) {
  std::string buffer;
  const std::string text = "caf\u00e9, na\u00efve";
  EXPECT_EQ(to_nfc(text, buffer).data(), text.data());
  EXPECT_EQ(nfc(""), "");
}

TEST(NormalForm, KeepsBytesThatAreNotUtf8) {
  EXPECT_EQ(nfc("e\u0301\xFF"
                "e\u0301\xE4\xB8"),
            "\u00e9\xFF\u00e9\xE4\xB8");
  EXPECT_EQ(nfc("e\xCC"), "e\xCC") << "half a mark";
  EXPECT_EQ(nfc("e\xFF\u0301"), "e\xFF\u0301") << "they keep apart what stands beside them";
  EXPECT_EQ(nfc(std::string_view("\0e\u0301", 4)), std::string_view("\0\u00e9", 3));
}

TEST(NormalForm, ChangesNothingTwice) {
  std::mt19937 random(21);
  for (int round = 0; round < 300; ++round) {
    const std::string once = nfc(random_text(random, awkward_parts(), 30));
    ASSERT_EQ(nfc(once), once);
  }
}

TEST(NormalForm, OrdersAMegabyteOfMarks) {
  std::string above, below;
  for (int i = 0; i < 250'000; ++i) {
    above += "\u0307";
    below += "\u0323";
  }
  EXPECT_TRUE(nfc("q" + above + below) == "q" + below + above);
}

}  // namespace
}  // namespace yoke::text
