// What a layer does with keys and values: a token that sees a long cache, and a prompt.
#include <fmt/core.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "base/arena.h"
#include "bench/random.h"
#include "bench/stage.h"
#include "kernels/kernels.h"
#include "ops/cpu/cpu_attention.h"

namespace yoke::bench {
namespace {

constexpr std::int64_t prompt_tokens = 512;
constexpr kernels::KvType kv_types[] = {kernels::KvType::f16, kernels::KvType::f32, kernels::KvType::q8};
constexpr std::int64_t head_dims[] = {64, 128};
constexpr std::int64_t groups[] = {1, 4, 8}, kv_heads = 8;
// Query heads of latent attention, all reading one KV head: DeepSeek V2 Lite's, and those of DeepSeek R1.
constexpr std::int64_t latent_groups[] = {16, 128};

/// The tokens at positions [first, first + n) of one sequence.
class Tokens {
 public:
  Tokens(std::int64_t first, std::int64_t n)
      : first_(first),
        zeros_(static_cast<std::size_t>(n)),
        positions_(zeros_.size()),
        pages_(KvLayers::positions / ops::page_positions) {
    std::iota(positions_.begin(), positions_.end(), static_cast<std::int32_t>(first));
    std::iota(pages_.begin(), pages_.end(), 0);
  }

  ops::Step step() const { return {zeros_, positions_, zeros_, {}, {pages_}}; }
  std::int64_t count() const { return std::ssize(positions_); }
  /// Positions that the last of them sees, and the sum over all of them.
  std::int64_t last_sees() const { return first_ + count(); }
  std::int64_t all_see() const { return count() * (first_ + 1 + last_sees()) / 2; }

 private:
  std::int64_t first_;
  std::vector<std::int32_t> zeros_, positions_, pages_;
};

/// The tiles that the tokens see are read, and each key and value that a head sees is multiplied once.
Work work_of(const Tokens& tokens, const ops::Heads& heads, kernels::KvType type) {
  const std::int64_t pages = (tokens.last_sees() + ops::page_positions - 1) / ops::page_positions;
  return {static_cast<double>(ops::cpu::paged_kv_bytes(type, heads, pages)),
          2.0 * static_cast<double>(heads.n_heads * (heads.k_dim + heads.v_dim) * tokens.all_see())};
}

/// Stores the tokens' keys and values and attends, each time in the next layer.
void attend(benchmark::State& state, Stage& stage, const kernels::Kernels& table, kernels::KvType type,
            const ops::Heads& heads, const Tokens& tokens) {
  KvLayers& layers = stage.kv_layers(table.kv(type), heads);
  const std::vector<float> q = random_floats(tokens.count() * heads.n_heads * heads.k_dim);
  const std::vector<float> kv = random_floats(tokens.count() * heads.n_kv_heads * heads.k_dim);
  std::vector<float> out(q.size());
  Arena scratch;
  const ops::cpu::Tools tools{table, stage.pool(), scratch};
  const ops::AttendSpec spec{
      .scale = 1 / std::sqrt(static_cast<float>(heads.k_dim)), .window = 0, .sinks = {}};
  const ops::Step step = tokens.step();
  stage.run(state, work_of(tokens, heads, type), [&] {
    const ArenaScope scope(scratch);
    const ops::cpu::PagedKv& layer = layers.next();
    ops::cpu::store(step, heads, layer, stage.pool(), kv.data(), kv.data());
    ops::cpu::attend(step, heads, spec, nullptr, layer, tools, q.data(), out.data());
  });
}

ops::Heads heads_of(std::int64_t head_dim, std::int64_t group) {
  return {.n_heads = kv_heads * group,
          .n_kv_heads = kv_heads,
          .group = group,
          .k_dim = head_dim,
          .v_dim = head_dim};
}

/// Keys that hold their values: a latent of 512, and 64 rotated dimensions.
ops::Heads latent_heads(std::int64_t group) {
  return {.n_heads = group,
          .n_kv_heads = 1,
          .group = group,
          .k_dim = 576,
          .v_dim = 512,
          .keys_hold_values = true};
}

void add_attend(Stage& stage, const kernels::Kernels& table, kernels::KvType type, const ops::Heads& heads,
                const Tokens& tokens, int threads) {
  const std::string name =
      fmt::format("attend/{}/{}/dim:{}/group:{}/tokens:{}/threads:{}", table.isa, kernels::name_of(type),
                  heads.k_dim, heads.group, tokens.count(), threads);
  benchmark::RegisterBenchmark(name.c_str(), [=, &stage, &table](benchmark::State& state) {
    stage.prepare(threads);
    attend(state, stage, table, type, heads, tokens);
  })->UseRealTime();
}

/// Heads of several sizes and groups.
std::vector<ops::Heads> all_heads() {
  std::vector<ops::Heads> all;
  for (const std::int64_t head_dim : head_dims) {
    for (const std::int64_t group : groups) all.push_back(heads_of(head_dim, group));
  }
  for (const std::int64_t group : latent_groups) all.push_back(latent_heads(group));
  return all;
}

}  // namespace

void add_attention(Stage& stage) {
  const Tokens last(KvLayers::positions - 1, 1), prompt(0, prompt_tokens);
  for (const int threads : stage.thread_counts()) {
    for (const kernels::KvType type : kv_types) {
      for (const ops::Heads& heads : all_heads()) {
        for (const kernels::Kernels* table : kernels::available()) {
          for (const Tokens& tokens : {last, prompt}) {
            if (is_too_slow(*table, tokens.count())) continue;
            add_attend(stage, *table, type, heads, tokens, threads);
          }
        }
      }
    }
  }
}

}  // namespace yoke::bench
