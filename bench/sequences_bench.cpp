// What the runtime of sequences costs and saves: sequences_bench MODEL [THREADS [many]]
//
// * A turn of 32 new tokens after a history of 8192 and an answer of 128, until its first token, against the
//   time that the history took; as much of them as the model's context holds.
// * Sixteen sequences that decode together, drawing among 40: tokens/s, and what of the time is neither
//   computing nor exchange. With `many` this alone.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "comm/solo.h"
#include "runtime/local_engine.h"

namespace yoke::runtime {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::hours forever{1};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

RankOptions options_of(const std::string& model, int threads, std::int32_t sequences) {
  comm::SoloComm comm;
  RankOptions options;
  options.host.model = model;
  options.host.threads = threads;
  options.engine.sequences = sequences;
  options.engine.tries_kernels = true;
  options.places = gather_places(comm, threads);
  return options;
}

std::vector<Token> random_tokens(std::size_t n, std::int32_t vocabulary) {
  std::mt19937 random(1);
  std::vector<Token> tokens;
  while (tokens.size() < n)
    tokens.push_back(static_cast<Token>(random() % static_cast<unsigned>(vocabulary)));
  return tokens;
}

/// Seconds to the first token of what follows `tokens`, which gets what was written; `given` as Request has
/// it.
double answer(Engine& engine, std::vector<Token>& tokens, const std::vector<Stretch>& given, std::int32_t n,
              Statistics& statistics) {
  const Clock::time_point start = Clock::now();
  double first = 0;
  Request request;
  request.id = 1;
  request.prompt = tokens;
  request.given = given;
  request.max_tokens = n;
  engine.submit(std::move(request));
  while (const auto event = engine.next(forever)) {
    if (const auto* token = std::get_if<TokenEvent>(&*event)) {
      if (first == 0) first = seconds_since(start);
      tokens.push_back(token->token);
    } else if (const auto* done = std::get_if<DoneEvent>(&*event)) {
      statistics = done->statistics;
    }
  }
  return first;
}

void measure_second_turn(const std::string& model, int threads) {
  constexpr std::int32_t written = 128, added = 32;
  comm::SoloComm comm;
  const auto engine = lead(options_of(model, threads, 1), comm, [](std::uint64_t, std::uint64_t) {});
  const EngineInfo info = engine->info();
  const std::int32_t history = std::min(8192, info.context - written - added - 1);
  std::vector<Token> tokens = random_tokens(static_cast<std::size_t>(history), info.vocabulary);
  Statistics statistics;
  const double first = answer(*engine, tokens, {{0, history}}, written, statistics);
  const auto said = static_cast<std::int32_t>(tokens.size());
  for (std::int32_t i = 0; i < added; ++i) tokens.push_back(i);
  const double second = answer(*engine, tokens, {{0, history}, {said, said + added}}, 1, statistics);
  fmt::print("second turn   history {} tokens {:.2f} s, then {:.3f} s ({:.1f}%), {} of {} tokens known\n",
             history, first, second, 100 * second / first, statistics.reused_tokens,
             statistics.prompt_tokens);
}

void measure_many(const std::string& model, int threads) {
  constexpr std::int32_t sequences = 16, prompt = 32, written = 100;
  comm::SoloComm comm;
  RankOptions options = options_of(model, threads, sequences);
  options.engine.context = 256;
  options.engine.pages = sequences * 4;
  const auto engine = lead(options, comm, [](std::uint64_t, std::uint64_t) {});
  const std::int32_t vocabulary = engine->info().vocabulary;
  for (std::uint64_t id = 1; id <= sequences; ++id) {
    std::vector<Token> tokens = random_tokens(prompt, vocabulary);
    tokens.front() = static_cast<Token>(id);
    Request request;
    request.id = id;
    request.prompt = std::move(tokens);
    request.max_tokens = written;
    request.sampling = {.temperature = 0.8f, .seed = id, .top_k = 40, .top_p = 0.95f};
    engine->submit(std::move(request));
  }
  const RankReport before = engine->reports().front();
  const Clock::time_point start = Clock::now();
  int tokens = 0;
  while (const auto event = engine->next(forever)) tokens += std::holds_alternative<TokenEvent>(*event);
  const double seconds = seconds_since(start);
  const RankReport after = engine->reports().front();
  const double computing = after.time.computing() - before.time.computing();
  const double exchanging = after.exchange_seconds - before.exchange_seconds;
  fmt::print("{} sequences  {:.1f} tokens/s; {:.2f}% of the time is neither computing nor exchange\n",
             sequences, tokens / seconds, 100 * (seconds - computing - exchanging) / seconds);
}

}  // namespace
}  // namespace yoke::runtime

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4 || (argc == 4 && std::string_view(argv[3]) != "many")) {
    fmt::print(stderr, "usage: sequences_bench MODEL [THREADS [many]]\n");
    return 2;
  }
  try {
    const int threads = argc >= 3 ? std::atoi(argv[2]) : 2;
    if (argc < 4) yoke::runtime::measure_second_turn(argv[1], threads);
    yoke::runtime::measure_many(argv[1], threads);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sequences_bench: {}\n", error.what());
    return 1;
  }
}
