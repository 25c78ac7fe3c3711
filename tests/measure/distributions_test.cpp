#include "measure/distributions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <random>
#include <utility>

#include "common/error_of.h"
#include "common/scratch.h"

namespace yoke::measure {
namespace {

using runtime::Token;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int32_t vocabulary = 10;

Windows some_windows(std::int32_t windows = 3, Token first = 5) {
  std::vector<Token> text;
  for (std::int32_t i = 0; i < windows * 4; ++i) text.push_back((first + 7 * i) % vocabulary);
  return {text, 4, std::nullopt};  // of each window of 4, the token at 3 counts
}

SavedRun some_run() { return describe_run(some_windows(), vocabulary, "demo.gguf, llama"); }

std::vector<std::vector<float>> some_rows() {
  std::mt19937 random(3);
  std::normal_distribution<float> logit(-1, 4);
  std::vector<std::vector<float>> rows(3, std::vector<float>(vocabulary));
  for (std::vector<float>& row : rows) {
    for (float& value : row) value = logit(random);
  }
  return rows;
}

/// Three rows, as some_run() has them.
void write(const std::filesystem::path& path) {
  DistributionWriter writer(path, some_run());
  for (const std::vector<float>& row : some_rows()) writer.add({row, 1, -0.25});
  writer.commit();
}

/// What reading all of a file says of it.
std::string reading_error(const std::filesystem::path& path) {
  return error_of([&] {
    const DistributionFile file(path);
    file.require_same_tokens(some_run());
    for (std::uint64_t row = 0; row < file.run().rows(); ++row) file.row(row);
  });
}

TEST(Distributions, ComeBackToHalfAStep) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  write(path);
  const DistributionFile file(path);
  EXPECT_EQ(file.run().source, "demo.gguf, llama");
  EXPECT_EQ(file.run().rows(), 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const std::vector<float> logits = some_rows()[i];
    const SavedRow row = file.row(i);
    const auto top = std::max_element(logits.begin(), logits.end());
    EXPECT_EQ(row.likeliest, top - logits.begin());
    EXPECT_EQ(row.log_probability, -0.25F);
    ASSERT_EQ(row.steps.size(), logits.size());
    for (std::size_t token = 0; token < logits.size(); ++token) {
      EXPECT_NEAR(row.steps[token] / steps_per_nat, *top - logits[token], 0.5 / steps_per_nat + 1e-6);
    }
  }
}

TEST(Distributions, OfEqualLogitsTheFirstTokenIsTheLikeliest) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  DistributionWriter writer(path, some_run());
  std::vector<float> logits(vocabulary, -2);
  logits[4] = logits[7] = 1e30F;  // and the others are as far below as can be told
  for (int i = 0; i < 3; ++i) writer.add({logits, 1, -0.5});
  writer.commit();
  const SavedRow row = DistributionFile(path).row(2);
  EXPECT_EQ(row.likeliest, 4);
  EXPECT_EQ(row.steps[7], 0);
  EXPECT_EQ(row.steps[0], 65535);
}

TEST(Distributions, AFileAppearsOnlyOnceItIsComplete) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  {
    DistributionWriter writer(path, some_run());
    writer.add({some_rows()[0], 1, -0.25});
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Distributions, EveryCutIsRefused) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "whole", cut = folder / "cut";
  write(path);
  const std::string whole = read_file(path);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_file(cut, whole.substr(0, length));
    EXPECT_THAT(reading_error(cut), StartsWith(cut.string() + ": ")) << length;
  }
  write_file(cut, whole + "x");
  EXPECT_THAT(reading_error(cut), HasSubstr("is damaged or was cut: it has"));
}

TEST(Distributions, EveryChangedByteIsRefused) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "whole", changed = folder / "changed";
  write(path);
  const std::string whole = read_file(path);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    write_file(changed, bytes);
    EXPECT_THAT(reading_error(changed), StartsWith(changed.string() + ": ")) << i;
  }
}

TEST(Distributions, RowsThatChangedPlacesAreRefused) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  write(path);
  std::string bytes = read_file(path);
  const std::size_t row = some_run().row_bytes();
  const std::size_t rows = bytes.size() - 3 * row;
  std::swap_ranges(bytes.begin() + rows, bytes.begin() + rows + row, bytes.begin() + rows + row);
  write_file(path, bytes);
  EXPECT_EQ(reading_error(path), path.string() + ": is damaged: the checksum of row 0 of 3 differs");
}

TEST(Distributions, OtherFilesAreRefusedByTheirName) {
  EXPECT_EQ(reading_error("/nonexistent.dist"),
            "/nonexistent.dist: cannot be opened: No such file or directory");
  EXPECT_EQ(reading_error("/"), "/: is a directory, expected distributions saved by --kl-base");
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  write_file(path, "");
  EXPECT_EQ(reading_error(path), path.string() + ": is empty, expected distributions saved by --kl-base");
  write_file(path, "GGUF");
  EXPECT_EQ(reading_error(path), path.string() + ": has 4 bytes, expected distributions saved by --kl-base");
  write_file(path, "GGUF, and more of the kind");
  EXPECT_EQ(reading_error(path),
            path.string() + ": holds no distributions, expected a file saved by --kl-base");
  write_file(path, std::string("yokedist\x02\0\0\0\0\0\0\0", 16));
  EXPECT_EQ(reading_error(path),
            path.string() + ": is of version 2, expected 1: save it again with --kl-base");
}

TEST(Distributions, AHeaderThatLiesAboutItsLengthIsRefused) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  write_file(path, std::string("yokedist\x01\0\0\0\xff\xff\xff\xff", 16));
  EXPECT_EQ(reading_error(path),
            path.string() + ": is damaged: its header has 4294967319 bytes, of which 16 are there");
}

TEST(Distributions, NumbersThatMakeNoSenseAreRefused) {
  const std::int32_t most = std::numeric_limits<std::int32_t>::max();
  for (const auto& [size, window, windows] : std::vector<std::array<std::int32_t, 3>>{
           {0, 4, 3}, {-1, 4, 3}, {10, 2, 3}, {10, -4, 3}, {10, 4, 0}, {10, 4, -3}, {most, most, most}}) {
    const ScratchFolder folder;
    const std::filesystem::path path = folder / "distributions";
    SavedRun run = some_run();
    run.vocabulary = size;
    run.window = window;
    run.windows = windows;
    const std::vector<std::byte> header = distribution_header(run);
    write_file(path, {reinterpret_cast<const char*>(header.data()), header.size()});
    EXPECT_THAT(reading_error(path), StartsWith(path.string() + ": is damaged")) << size << ' ' << window;
  }
}

TEST(Distributions, OfOtherTokensAreRefusedWithWhatDiffers) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder / "distributions";
  write(path);
  const DistributionFile file(path);
  const auto error_with = [&](const Windows& windows, std::int32_t size) {
    return error_of([&] { file.require_same_tokens(describe_run(windows, size, "another model")); });
  };
  EXPECT_EQ(error_with(some_windows(), vocabulary), "");
  EXPECT_EQ(error_with(some_windows(), 11),
            path.string() + ": holds distributions over 10 tokens, but the model's are over 11");
  EXPECT_EQ(error_with({std::vector<Token>(12, 1), 3, std::nullopt}, vocabulary),
            path.string() + ": was saved from windows of 4 tokens, but these have 3 (--ctx)");
  for (const Windows& other : {some_windows(3, 6), some_windows(4)}) {
    EXPECT_THAT(error_with(other, vocabulary), HasSubstr("was saved from another text"));
  }
}

}  // namespace
}  // namespace yoke::measure
