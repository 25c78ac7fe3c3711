// Bits do not depend on load: for every golden family, whatever else the engine has to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "common/tiny_families.h"
#include "runtime/run_engine.h"

namespace yoke::runtime {
namespace {

using testing::IsEmpty;

constexpr std::int32_t vocabulary = 300;
constexpr std::size_t prompt_tokens = 200;  // more than a cell of latents, and no multiple of a page
constexpr std::int32_t generated = 70;      // into the fifth page

/// Tokens, and with each the bits of its ln p and of those of the likeliest.
struct Stream {
  std::vector<Token> tokens;
  std::vector<std::uint32_t> bits;
  Statistics statistics;
};

std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

std::vector<Token> random_tokens(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Token> tokens;
  while (tokens.size() < n) tokens.push_back(static_cast<Token>(random() % vocabulary));
  return tokens;
}

Request stream(std::uint64_t id, std::vector<Token> prompt, std::int32_t max_tokens) {
  Request asked = request(id, std::move(prompt), max_tokens);
  asked.sampling = {.temperature = 0.9f, .seed = id, .top_p = 0.9f, .frequency_penalty = 0.3f};
  asked.log_probabilities = 4;
  return asked;
}

/// Every event until nothing is in flight, by request.
std::map<std::uint64_t, Stream> finish(Engine& engine) {
  std::map<std::uint64_t, Stream> streams;
  while (const std::optional<Event> event = engine.next(forever)) {
    if (const auto* token = std::get_if<TokenEvent>(&*event)) {
      Stream& stream = streams[token->request];
      stream.tokens.push_back(token->token);
      stream.bits.push_back(bits_of(token->log_probability));
      for (const TokenLogProbability& each : token->likeliest) stream.bits.push_back(bits_of(each.value));
    } else if (const auto* done = std::get_if<DoneEvent>(&*event)) {
      streams[done->request].statistics = done->statistics;
    }
  }
  return streams;
}

Stream run(Engine& engine, const Request& asked) {
  engine.submit(asked);
  return finish(engine)[asked.id];
}

class Load : public testing::TestWithParam<const char*> {
 protected:
  static constexpr int ranks = 2;

  RankOptions options(std::int32_t sequences, std::int32_t chunk) const {
    RankOptions options;
    options.host.model =
        std::filesystem::path(YOKE_GENERATED_DATA) / "tiny" / (std::string(GetParam()) + ".gguf");
    options.host.threads = 1;
    options.engine.sequences = sequences;
    options.engine.prefill_chunk = chunk;
    return options;
  }

  const Request watched = stream(1, random_tokens(prompt_tokens, 7), generated);

  /// What is said behind an answer to `watched`.
  Request next_turn(const std::vector<Token>& answer) const {
    Request next = watched;
    next.prompt.insert(next.prompt.end(), answer.begin(), answer.end());
    const auto behind = static_cast<std::int32_t>(next.prompt.size());
    const std::vector<Token> words = random_tokens(40, 8);
    next.prompt.insert(next.prompt.end(), words.begin(), words.end());
    next.given = {{0, static_cast<std::int32_t>(prompt_tokens)}, {behind, behind + 40}};
    next.max_tokens = 5;
    return next;
  }
};

void expect_same(const Stream& found, const Stream& alone, std::size_t from = 0) {
  const std::vector<Token> rest(alone.tokens.begin() + static_cast<std::ptrdiff_t>(from), alone.tokens.end());
  EXPECT_EQ(found.tokens, rest);
  const std::size_t of_a_token = alone.bits.size() / alone.tokens.size();
  const std::vector<std::uint32_t> bits(alone.bits.begin() + static_cast<std::ptrdiff_t>(from * of_a_token),
                                        alone.bits.end());
  EXPECT_EQ(found.bits, bits);
}

TEST_P(Load, ChangesNoBit) {
  Stream alone;
  with_engine(ranks, options(1, 512), [&](Engine& engine) {
    alone = run(engine, watched);
    ASSERT_EQ(alone.tokens.size(), static_cast<std::size_t>(generated));
    SCOPED_TRACE("with its beginning known");
    const Stream again = run(engine, watched);
    EXPECT_GE(again.statistics.reused_tokens, 128);
    expect_same(again, alone);
  });
  with_engine(ranks, options(1, 37), [&](Engine& engine) {
    for (const std::size_t from : {1, 7, 55, 56, 57, 69}) {
      SCOPED_TRACE("replayed from token " + std::to_string(from) + ", in other chunks");
      Request rest = watched;
      rest.salt = from;  // nothing is known
      rest.given = {{0, static_cast<std::int32_t>(prompt_tokens)}};
      rest.prompt.insert(rest.prompt.end(), alone.tokens.begin(),
                         alone.tokens.begin() + static_cast<std::ptrdiff_t>(from));
      rest.max_tokens -= static_cast<std::int32_t>(from);
      expect_same(run(engine, rest), alone, from);
    }
  });
  const Request next = next_turn(alone.tokens);
  Stream turn;
  with_engine(ranks, options(2, 512), [&](Engine& engine) {
    SCOPED_TRACE("a turn after it");
    run(engine, watched);
    turn = run(engine, next);
    const std::int32_t said = static_cast<std::int32_t>(prompt_tokens) + generated;
    EXPECT_GE(turn.statistics.reused_tokens, (said - 1) / 64 * 64) << "the answer, too";
  });
  with_engine(ranks, options(1, 37), [&](Engine& engine) {
    SCOPED_TRACE("the turn with nothing known, in other chunks");
    expect_same(run(engine, next), turn);
  });
  with_engine(ranks, options(16, 48), [&](Engine& engine) {
    SCOPED_TRACE("among 15 others that came first, in the pages of one context");
    for (std::uint32_t other = 2; other <= 16; ++other)
      engine.submit(stream(other, random_tokens(1 + other * other % 90, other), 30));
    engine.submit(watched);
    const auto streams = finish(engine);
    expect_same(streams.at(1), alone);
    SCOPED_TRACE("and others as each alone");
    expect_same(streams.at(9), run(engine, stream(9, random_tokens(1 + 9 * 9 % 90, 9), 30)));
  });
}

INSTANTIATE_TEST_SUITE_P(Families, Load, testing::ValuesIn(tiny_families), [](const auto& each) {
  std::string name = each.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace yoke::runtime
