#include "cluster/probe.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <span>

#include "base/error.h"
#include "base/file_descriptor.h"
#include "base/thread_pool.h"
#include "base/topology.h"

namespace yoke::cluster {
namespace {

using Word = std::uint64_t;

/// Words of zeros, in large pages where the system has them.
class AnonymousMemory {
 public:
  explicit AnonymousMemory(std::uint64_t bytes) : bytes_(bytes) {
    start_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(start_ != MAP_FAILED, "{} to measure the memory's bandwidth with are not to be had: {}",
            format_bytes(bytes_), last_system_error());
    ::madvise(start_, bytes_, MADV_HUGEPAGE);  // a wish
  }
  ~AnonymousMemory() { ::munmap(start_, bytes_); }
  AnonymousMemory(const AnonymousMemory&) = delete;
  AnonymousMemory& operator=(const AnonymousMemory&) = delete;

  std::span<Word> words() const { return {static_cast<Word*>(start_), bytes_ / sizeof(Word)}; }

 private:
  std::uint64_t bytes_;
  void* start_;
};

/// Several sums side by side, which the compiler makes vectors of, so that memory is what one waits for.
Word sum(std::span<const Word> words) {
  constexpr std::size_t lanes = 16;
  std::array<Word, lanes> sums{};
  std::size_t i = 0;
  for (; i + lanes <= words.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += words[i + lane];
  }
  const Word rest = std::accumulate(words.begin() + static_cast<std::ptrdiff_t>(i), words.end(), Word{0});
  return std::accumulate(sums.begin(), sums.end(), rest);
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

std::vector<double> measure_stream(int threads, std::uint64_t bytes, int passes) {
  const AnonymousMemory memory(bytes);
  const std::span<Word> words = memory.words();
  ThreadPool pool(threads);
  // Who reads a stretch also writes it first, so that it lies in the memory nearest to that thread.
  pool.run([&](int thread) {
    const std::span<Word> mine = stretch(words, thread, threads);
    std::fill(mine.begin(), mine.end(), Word{1});
  });
  std::vector<Word> sums(static_cast<std::size_t>(threads));
  std::vector<double> rates;
  for (int pass = 0; pass < passes; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(
        [&](int thread) { sums[static_cast<std::size_t>(thread)] = sum(stretch(words, thread, threads)); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    // The sum is asked for, so nobody can leave the reading out.
    require(std::accumulate(sums.begin(), sums.end(), Word{0}) == words.size(),
            "{} of memory did not read back as they were written", format_bytes(bytes));
    rates.push_back(static_cast<double>(bytes) / seconds.count());
  }
  return rates;
}

}  // namespace yoke::cluster
