// How long a megabyte takes, with the largest of the models' real vocabularies of each kind.
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "fixtures.h"
#include "real_vocabularies.h"
#include "text/tokenizer.h"

namespace yoke::text {
namespace {

constexpr std::size_t megabyte = 1'000'000;

std::string repeated(const std::string& unit) {
  std::string text;
  while (text.size() < megabyte) text += unit;
  return text;
}

/// A novel's last chapters, again and again.
std::string prose() {
  std::ifstream file(YOKE_MODELS "/heldout.txt", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) throw std::runtime_error("heldout.txt cannot be read");
  return repeated(text);
}

/// Of this thread, so far.
double computing_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class TokenizerSpeed : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!YOKE_TIMES_COUNT) GTEST_SKIP() << "times are bounded in the release build only";
    if (const std::string why = why_vocabulary_is_missing(GetParam()); !why.empty()) GTEST_SKIP() << why;
  }

  /// Seconds of computing that `text` takes, the median of three times; shown in the test's report. Other
  /// programs on the machine do not count.
  double seconds(const std::string& kind, const std::string& text) {
    const Tokenizer& tokenizer = real_tokenizer(GetParam());
    std::array<double, 3> times;
    for (double& time : times) {
      const double start = computing_seconds();
      tokenizer.encode(text, Specials::parse);
      time = computing_seconds() - start;
    }
    std::sort(times.begin(), times.end());
    RecordProperty(kind, std::to_string(times[1]));
    return times[1];
  }
};

TEST_P(TokenizerSpeed, TakesAMegabyteOfProseInHalfASecond) { EXPECT_LT(seconds("prose", prose()), 0.5); }

TEST_P(TokenizerSpeed, TakesAMegabyteOfAnythingInASecond) {
  std::mt19937 random(4);
  const std::vector<std::pair<const char*, std::string>> texts = {
      {"letter", repeated("a")},
      {"capital", repeated("A")},
      {"space", repeated(" ")},
      {"digit", repeated("7")},
      {"newline", repeated("\n")},
      {"spaced_newline", repeated(" \n")},
      {"mark", repeated("\u0301")},
      {"marks", repeated("\u0301") + repeated("\u0323")},
      {"ideograph", repeated("中")},
      {"emoji", repeated("😀")},
      {"punctuation", repeated("!")},
      {"special", repeated("<|end|>")},
      {"half_special", repeated("<|")},
      {"invalid", repeated("\xFF")},
      {"half_invalid", repeated("a\xFF")},
      {"random", random_bytes(random, megabyte)}};
  for (const auto& [kind, text] : texts) EXPECT_LT(seconds(kind, text), 1.0) << kind;
}

INSTANTIATE_TEST_SUITE_P(Of, TokenizerSpeed, testing::Values("gptoss", "qwen3", "gemma3", "llama2"),
                         [](const auto& vocabulary) { return std::string(vocabulary.param); });

}  // namespace
}  // namespace yoke::text
