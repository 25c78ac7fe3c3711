#include "cluster/spread_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "base/error.h"
#include "common/error_of.h"

namespace yoke::cluster {
namespace {

using Bytes = std::vector<std::byte>;
constexpr std::uint64_t block = 1000;

/// Some blocks of a file.
class SomeBlocks final : public gguf::Input {
 public:
  SomeBlocks(const Bytes& file, const std::vector<std::size_t>& source_of, std::size_t own)
      : file_(file), source_of_(source_of), own_(own) {}
  const std::string& name() const override { return name_; }
  const gguf::FileVersion& version() const override { return version_; }
  std::uint64_t fetched() const override { return fetched_; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    for (std::size_t i = 0; i < to.size(); ++i) {
      require(source_of_[(offset + i) / block] == own_, "asked for what lies elsewhere");
      to[i] = file_[offset + i];
    }
    fetched_ += to.size();
  }

 private:
  const Bytes& file_;
  const std::vector<std::size_t>& source_of_;
  const std::size_t own_;
  const std::string name_ = "model.gguf";
  const gguf::FileVersion version_{file_.size(), 5};
  mutable std::uint64_t fetched_ = 0;
};

TEST(SpreadFile, GivesWhatTheFileHas) {
  std::mt19937 random(3);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    Bytes file(1 + below(20 * block));
    for (std::byte& byte : file) byte = static_cast<std::byte>(random());
    const std::size_t sources = 1 + below(4);
    std::vector<std::size_t> source_of((file.size() + block - 1) / block);
    for (std::size_t& source : source_of) source = below(sources);
    std::vector<std::unique_ptr<const gguf::Input>> inputs;
    for (std::size_t i = 0; i < sources; ++i)
      inputs.push_back(std::make_unique<SomeBlocks>(file, source_of, i));
    const SpreadFile spread(std::move(inputs), source_of, block);
    EXPECT_TRUE(spread.is_far());
    EXPECT_EQ(spread.bytes(), file.size());
    std::uint64_t read = 0;
    for (int i = 0; i < 20; ++i) {
      gguf::EvenPieces pieces;
      pieces.bytes = 1 + below(std::min<std::uint64_t>(file.size(), 3 * block));
      pieces.offset = below(file.size() - pieces.bytes + 1);
      pieces.stride = pieces.bytes + below(2 * block);
      pieces.n = 1 + below((file.size() - pieces.offset - pieces.bytes) / pieces.stride + 1);
      Bytes to(pieces.n * pieces.bytes), expected(to.size());
      for (std::uint64_t n = 0; n < pieces.n; ++n)
        std::memcpy(expected.data() + n * pieces.bytes, file.data() + pieces.offset + n * pieces.stride,
                    pieces.bytes);
      spread.read_pieces(pieces, to);
      ASSERT_EQ(to, expected) << round;
      read += to.size();
    }
    EXPECT_EQ(spread.fetched(), read);
    Bytes one(1);
    EXPECT_THAT(error_of([&] { spread.read(source_of.size() * block, one); }),
                testing::HasSubstr("were asked for"));
  }
}

}  // namespace
}  // namespace yoke::cluster
