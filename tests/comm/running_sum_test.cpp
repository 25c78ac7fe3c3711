// Every algorithm over a network that delivers in any order: seeded, no sockets, no clock.
#include "comm/running_sum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <memory>
#include <random>
#include <vector>

#include "quant/half.h"

namespace yoke::comm {
namespace {

/// Messages that are under way between ranks.
class Network {
 public:
  struct Letter {
    int from, to, round;
    std::span<const std::byte> bytes;
    int* open;  // messages of the sender that are not through
  };
  struct Box {
    int from, to, round;
    std::span<std::byte> bytes;
    int* open;
  };

  std::vector<Letter> letters;
  std::vector<Box> boxes;

  /// Delivers one message, if any has been sent and is expected.
  bool deliver(std::mt19937& random) {
    std::vector<std::pair<std::size_t, std::size_t>> possible;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      for (std::size_t j = 0; j < boxes.size(); ++j) {
        if (letters[i].from == boxes[j].from && letters[i].to == boxes[j].to &&
            letters[i].round == boxes[j].round)
          possible.emplace_back(i, j);
      }
    }
    if (possible.empty()) return false;
    const auto [i, j] = possible[random() % possible.size()];
    EXPECT_EQ(letters[i].bytes.size(), boxes[j].bytes.size());
    std::copy(letters[i].bytes.begin(), letters[i].bytes.end(), boxes[j].bytes.begin());
    --*letters[i].open;
    --*boxes[j].open;
    letters.erase(letters.begin() + static_cast<std::ptrdiff_t>(i));
    boxes.erase(boxes.begin() + static_cast<std::ptrdiff_t>(j));
    return true;
  }
};

class FakeMessenger final : public Messenger {
 public:
  FakeMessenger(Network& network, int rank) : network_(network), rank_(rank) {}

  void receive(std::span<std::byte> to, int from, int round) override {
    ++open_;
    network_.boxes.push_back({from, rank_, round, to, &open_});
  }
  void send(std::span<const std::byte> bytes, int to, int round) override {
    ++open_;
    ++sent;
    network_.letters.push_back({rank_, to, round, bytes, &open_});
  }
  bool is_through() override { return open_ == 0; }

  int sent = 0;

 private:
  Network& network_;
  const int rank_;
  int open_ = 0;
};

std::vector<float> addend(int rank, std::size_t n) {
  std::mt19937 random(static_cast<unsigned>(rank) * 77 + static_cast<unsigned>(n));
  std::normal_distribution<float> normal(0, 1000);
  std::vector<float> x(n);
  for (float& value : x) value = normal(random);
  return x;
}

/// As the contract has it, element by element.
std::vector<float> expected_sum(int ranks, std::size_t n, Wire wire) {
  const auto rounded = [&](float value) {
    return wire == Wire::bf16 ? quant::bf16_to_f32(quant::f32_to_bf16(value)) : value;
  };
  std::vector<float> sum(n);
  for (std::size_t i = 0; i < n; ++i) {
    float of_element = rounded(addend(0, n)[i]);
    for (int r = 1; r < ranks; ++r) of_element += rounded(addend(r, n)[i]);
    sum[i] = rounded(of_element);
  }
  return sum;
}

struct Outcome {
  std::vector<std::vector<float>> sums;  // of each rank
  int sent = 0;                          // messages of rank 0
};

Outcome run(Algorithm algorithm, int ranks, std::size_t n, Wire wire, unsigned seed, int times = 1) {
  std::mt19937 random(seed);
  Network network;
  std::vector<std::unique_ptr<FakeMessenger>> messengers;
  std::vector<RunningSum> sums;
  Outcome outcome;
  for (int rank = 0; rank < ranks; ++rank) {
    messengers.push_back(std::make_unique<FakeMessenger>(network, rank));
    sums.emplace_back(rank, ranks);
  }
  for (int time = 0; time < times; ++time) {
    outcome.sums.clear();
    for (int rank = 0; rank < ranks; ++rank) outcome.sums.push_back(addend(rank, n));
    std::vector<bool> started(static_cast<std::size_t>(ranks)), ended(started);
    for (int open = ranks, idle = 0; open > 0 && idle < 10'000; ++idle) {
      const std::size_t rank = random() % static_cast<std::size_t>(ranks);
      if (!started[rank]) {
        sums[rank].start(outcome.sums[rank], wire, algorithm, *messengers[rank]);
        started[rank] = true;
      } else if (!ended[rank] && sums[rank].advance(nullptr)) {
        ended[rank] = true;
        --open;
      }
      if (network.deliver(random)) idle = 0;
    }
    EXPECT_TRUE(std::all_of(ended.begin(), ended.end(), [](bool each) { return each; }));
  }
  outcome.sent = messengers.front()->sent / times;
  return outcome;
}

class RunningSums : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, RunningSums, testing::ValuesIn(algorithms),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST_P(RunningSums, GiveEveryRankTheSumInRankOrderHoweverMessagesArrive) {
  unsigned seed = 0;
  for (const int ranks : {2, 3, 4, 5, 7, 8}) {
    for (const std::size_t n : {1, 2, 3, 7, 100}) {
      for (const Wire wire : {Wire::f32, Wire::bf16}) {
        const std::vector<float> expected = expected_sum(ranks, n, wire);
        const Outcome outcome = run(GetParam(), ranks, n, wire, ++seed);
        for (const std::vector<float>& sum : outcome.sums)
          EXPECT_EQ(sum, expected) << ranks << " ranks, " << n << " values, seed " << seed;
      }
    }
  }
}

TEST_P(RunningSums, CanBeUsedAgain) {
  EXPECT_EQ(run(GetParam(), 3, 10, Wire::f32, 1, 3).sums.back(), expected_sum(3, 10, Wire::f32));
}

TEST(RunningSumMessages, AreAsManyAsTheAlgorithmSays) {
  EXPECT_EQ(run(Algorithm::direct, 8, 100, Wire::f32, 1).sent, 7);
  EXPECT_EQ(run(Algorithm::pieces, 8, 100, Wire::f32, 1).sent, 14);
  EXPECT_EQ(run(Algorithm::doubling, 8, 100, Wire::f32, 1).sent, 3);
  EXPECT_EQ(run(Algorithm::doubling, 5, 100, Wire::f32, 1).sent, 3);
}

}  // namespace
}  // namespace yoke::comm
