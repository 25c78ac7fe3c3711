#include "rates/stream_rate.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <span>

#include "base/anonymous_memory.h"
#include "base/error.h"
#include "base/topology.h"

namespace yoke::rates {
namespace {

using Word = std::uint64_t;

std::span<Word> words_of(const AnonymousMemory& memory) {
  const std::span<std::byte> bytes = memory.bytes();
  return {reinterpret_cast<Word*>(bytes.data()), bytes.size() / sizeof(Word)};
}

/// Whether lines are asked for before they are read: some processors see by themselves what comes next, some
/// read faster so.
enum class Reading { plain, ahead };

/// Several sums side by side, which the compiler makes vectors of, so that memory is what one waits for.
template <Reading reading>
Word sum(std::span<const Word> words) {
  constexpr std::size_t lanes = 16, ahead = 3072 / sizeof(Word), line = 64 / sizeof(Word);
  std::array<Word, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= words.size(); i += lanes) {
    if constexpr (reading == Reading::ahead) {
      for (std::size_t at = 0; at < lanes; at += line)
        __builtin_prefetch(words.data() + i + ahead + at, 0, 2);  // into the second cache
    }
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += words[i + lane];
  }
  const Word rest = std::accumulate(words.begin() + static_cast<std::ptrdiff_t>(i), words.end(), Word{0});
  return std::accumulate(sums.begin(), sums.end(), rest);
}

/// The reading with the best of some passes, by turns.
template <class Pass>
Reading faster(const Pass& pass) {
  constexpr int turns = 2;
  double plain = 0, ahead = 0;
  for (int i = 0; i < turns; ++i) {
    plain = std::max(plain, pass(Reading::plain));
    ahead = std::max(ahead, pass(Reading::ahead));
  }
  return ahead > plain ? Reading::ahead : Reading::plain;
}

std::span<Word> stretch(std::span<Word> words, int thread, int threads) {
  const std::size_t begin = words.size() * thread / threads;
  const std::size_t end = words.size() * (thread + 1) / threads;
  return words.subspan(begin, end - begin);
}

}  // namespace

std::optional<std::uint64_t> stream_bytes(std::uint64_t cache, std::uint64_t available) {
  constexpr std::uint64_t usual = std::uint64_t{256} << 20;  // some ten milliseconds
  const std::uint64_t bytes = std::min(std::max(usual, 4 * cache), available / 4);
  constexpr std::uint64_t least = std::uint64_t{16} << 20;
  if (bytes < std::max(least, 2 * cache)) return std::nullopt;
  return bytes;
}

std::vector<double> measure_stream(ThreadPool& pool, std::uint64_t bytes, int passes) {
  const AnonymousMemory memory(bytes);
  const std::span<Word> words = words_of(memory);
  // Who reads a stretch also writes it first, so that it lies in the memory nearest to that thread.
  pool.run([&](int thread) {
    const std::span<Word> mine = stretch(words, thread, pool.size());
    std::fill(mine.begin(), mine.end(), Word{1});
  });
  std::vector<Word> sums(static_cast<std::size_t>(pool.size()));
  const auto pass = [&](Reading reading) {
    const auto start = std::chrono::steady_clock::now();
    pool.run([&](int thread) {
      const std::span<const Word> mine = stretch(words, thread, pool.size());
      sums[static_cast<std::size_t>(thread)] =
          reading == Reading::ahead ? sum<Reading::ahead>(mine) : sum<Reading::plain>(mine);
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    // The sum is asked for, so nobody can leave the reading out.
    require(std::accumulate(sums.begin(), sums.end(), Word{0}) == words.size(),
            "{} of memory did not read back as they were written", format_bytes(bytes));
    return static_cast<double>(bytes) / seconds.count();
  };
  const Reading reading = faster(pass);
  std::vector<double> rates(static_cast<std::size_t>(passes));
  for (double& rate : rates) rate = pass(reading);
  return rates;
}

}  // namespace yoke::rates
