// Ranks that compute different bits from the same end the engine before a token of that step is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>

#include "base/error.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

// The last bits may vanish where the sum is added to a larger number.
constexpr std::uint32_t turned_bit = 1U << 12;

/// A rank whose sum number `flawed` has one bit turned.
class FlawedComm final : public comm::Comm {
 public:
  FlawedComm(comm::Comm& sound, int flawed) : sound_(sound), left_(flawed) {}

  int rank() const override { return sound_.rank(); }
  int size() const override { return sound_.size(); }
  void broadcast(std::vector<std::byte>& message, int root) override { sound_.broadcast(message, root); }
  void send(std::span<const std::byte> bytes, int to) override { sound_.send(bytes, to); }
  void receive(std::span<std::byte> bytes, int from) override { sound_.receive(bytes, from); }
  std::unique_ptr<Comm> split(int color) override { return sound_.split(color); }
  void sleep() override { sound_.sleep(); }
  void wake_followers() override { sound_.wake_followers(); }

 private:
  void do_start(int, std::span<float> x, comm::Wire wire) override {
    sound_.all_reduce(x, wire);
    if (left_-- == 0) x.back() = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x.back()) ^ turned_bit);
  }
  int do_finish(int) override { return -1; }
  void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                     std::span<float> all) override {
    sound_.all_gather(mine, counts, all);
  }

  comm::Comm& sound_;
  int left_;  // sums before it
};

/// What three ranks say of a request of which one rank has a flaw in the given sum; and the tokens told.
std::string said_with_flaw(int rank, int sum, std::size_t& told) {
  const Progress ignore = [](std::uint64_t, std::uint64_t) {};
  std::string said;
  comm::run_ranks(3, [&](comm::Comm& sound) {
    FlawedComm comm(sound, sound.rank() == rank ? sum : -1);
    const RankOptions options = placed(demo_options(), comm);
    if (comm.rank() != 0) {
      try {
        follow(options, comm, ignore);
        EXPECT_LT(sum, 0);
      } catch (const Error&) {
        EXPECT_GE(sum, 0);
      }
      return;
    }
    const std::unique_ptr<Engine> engine = lead(options, comm, ignore);
    engine->submit(request(1, prompt, 20));
    try {
      while (engine->next(forever)) ++told;
    } catch (const Error& error) {
      said = error.what();
    }
  });
  return said;
}

TEST(Agreement, ARankThatComputesOneOtherBitIsFoundInThatStep) {
  std::size_t told = 0;
  EXPECT_EQ(said_with_flaw(2, -1, told), "");
  EXPECT_EQ(told, 21) << "20 tokens and the end";
  for (const int rank : {0, 1, 2}) {
    told = 0;
    EXPECT_THAT(
        said_with_flaw(rank, 60, told),
        testing::MatchesRegex("rank " + std::to_string(rank) + " .* has computed other values than .*"));
    EXPECT_LT(told, 10);
  }
}

}  // namespace
}  // namespace yoke::runtime
