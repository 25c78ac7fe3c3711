#include "cli/figures.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/topology.h"
#include "terminal/tell.h"

namespace yoke::cli {
namespace {

double per_second(std::int32_t count, double seconds) { return seconds > 0 ? count / seconds : 0; }

/// A line on what was written to the cache, if anything was.
void print_cache_writes(const std::vector<runtime::RankReport>& ranks) {
  std::uint64_t written = 0;
  double seconds = 0;
  for (const runtime::RankReport& rank : ranks) {
    written += rank.cache_written_bytes;
    seconds = std::max(seconds, rank.cache_write_seconds);
  }
  if (written == 0) return;
  terminal::tell("cache       {} of packed weights written in {:.3f} s\n", format_bytes(written), seconds);
}

/// The first token comes out of the prompt.
std::int32_t decoded(const runtime::Statistics& s) { return std::max(s.generated_tokens - 1, 0); }

/// "0.012 s (rank 1: 0.011)": the whole, and whom most of it was for.
std::string waiting_text(const runtime::TimeSplit& time) {
  const double waited = time.waited();
  if (waited < 0.0005) return "0.000 s";
  const auto most = std::max_element(time.waiting.begin(), time.waiting.end());
  return fmt::format("{:.3f} s (rank {}: {:.3f})", waited, most - time.waiting.begin(), *most);
}

/// Where each rank's time went since all had loaded; the columns add up to all of it but idle time.
void print_times(const std::vector<runtime::RankReport>& ranks) {
  terminal::tell(
      "\nrank  busy  products   attention  other      exchange   between steps  waiting for others\n");
  for (const runtime::RankReport& rank : ranks) {
    const runtime::TimeSplit& time = rank.time;
    terminal::tell("{:<4}  {:>3.0f}%  {:<9}  {:<9}  {:<9}  {:<9}  {:<13}  {}\n", rank.rank,
                   100 * busy_share(time), fmt::format("{:.3f} s", time.products),
                   fmt::format("{:.3f} s", time.attention), fmt::format("{:.3f} s", time.other),
                   fmt::format("{:.3f} s", time.exchange), fmt::format("{:.3f} s", time.leading),
                   ranks.size() > 1 ? waiting_text(time) : "-");
  }
}

}  // namespace

double busy_share(const runtime::TimeSplit& time) {
  return time.at_work() > 0 ? time.computing() / time.at_work() : 0;
}

double decode_rate(const runtime::Statistics& statistics) {
  return per_second(decoded(statistics), statistics.decode_seconds);
}

double longest_load_seconds(const std::vector<runtime::RankReport>& ranks) {
  double seconds = 0;
  for (const runtime::RankReport& rank : ranks) seconds = std::max(seconds, rank.load_seconds);
  return seconds;
}

void print_statistics(const runtime::Statistics& s, const std::vector<runtime::RankReport>& ranks) {
  const double load_seconds = longest_load_seconds(ranks);
  const double seconds = s.prompt_seconds + s.decode_seconds;
  std::uint64_t loaded = 0, cached = 0, fetched = 0;
  for (const runtime::RankReport& rank : ranks) {
    loaded += rank.weight_bytes;
    cached += rank.cache_read_bytes;
    fetched += rank.fetched_bytes;
  }
  terminal::tell("\nload        {} in {:.3f} s, {}/s{}{}\n", format_bytes(loaded), load_seconds,
                 format_bytes(static_cast<std::uint64_t>(static_cast<double>(loaded) / load_seconds)),
                 cached == 0 ? "" : fmt::format("; {} came packed from the cache", format_bytes(cached)),
                 fetched == 0 ? "" : fmt::format("; {} came from another machine", format_bytes(fetched)));
  print_cache_writes(ranks);
  const std::int32_t computed = s.prompt_tokens - s.reused_tokens;
  terminal::tell("prompt      {} tokens in {:.3f} s, {:.1f} tokens/s{}{}\n", computed, s.prompt_seconds,
                 per_second(computed, s.prompt_seconds),
                 s.reused_tokens == 0 ? "" : fmt::format("; {} more were known", s.reused_tokens),
                 s.queue_seconds < 0.001 ? "" : fmt::format("; waited {:.3f} s before", s.queue_seconds));
  terminal::tell("decode      {} tokens in {:.3f} s, {:.1f} tokens/s\n", decoded(s), s.decode_seconds,
                 decode_rate(s));
  if (ranks.size() > 1) {
    terminal::tell(
        "exchange    {} all-reduced; {:.3f} s, {:.0f}% of rank 0's time, waiting for others included\n",
        format_bytes(s.reduced_bytes), s.exchange_seconds,
        seconds > 0 ? 100 * s.exchange_seconds / seconds : 0);
  }
}

void print_ranks(const std::vector<runtime::RankReport>& ranks) {
  std::size_t isa_width = 6;
  for (const runtime::RankReport& rank : ranks) isa_width = std::max(isa_width, rank.isa.size());
  terminal::tell(
      "\nrank  host              threads  {:<{}}  weights   KV cache  peak memory  holds of every layer\n",
      "isa", isa_width);
  for (const runtime::RankReport& rank : ranks) {
    terminal::tell("{:<4}  {:<16}  {:<7}  {:<{}}  {:<8}  {:<8}  {:<11}  {}\n", rank.rank, rank.host,
                   rank.threads, rank.isa, isa_width, format_bytes(rank.weight_bytes),
                   format_bytes(rank.kv_bytes), format_bytes(rank.peak_bytes), rank.share);
  }
  print_times(ranks);
}

std::string context_advice(const runtime::EngineInfo& engine) {
  if (engine.context >= engine.trained_context) return "the model was trained for no more";
  return fmt::format("a larger one can be asked for with --ctx, up to the {} that the model was trained for",
                     engine.trained_context);
}

}  // namespace yoke::cli
