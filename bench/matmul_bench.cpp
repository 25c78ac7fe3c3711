// Products of weights with activations, by format, instruction set and number of tokens.
#include <fmt/core.h>

#include <cstdint>
#include <random>
#include <vector>

#include "bench/stage.h"
#include "kernels/kernels.h"

namespace yoke::bench {
namespace {

constexpr std::int64_t token_counts[] = {1, 2, 4, 8, 64, 512};

/// Plain code is there to compare results with; hundreds of tokens would take it minutes.
constexpr std::int64_t most_tokens_of_plain_code = 8;

std::vector<float> random_activations(std::int64_t tokens) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(tokens * Matrices::cols));
  for (float& value : values) value = normal(random);
  return values;
}

Work work_of(const Matrices& matrices, std::int64_t tokens) {
  return {static_cast<double>(matrices.matrix_bytes()),
          2.0 * static_cast<double>(Matrices::rows * Matrices::cols * tokens)};
}

/// Weights as the file has them, activations F32.
void multiply_exactly(benchmark::State& state, Stage& stage, const kernels::Kernels::MatMulOf& kernel,
                      std::int64_t tokens) {
  Matrices& matrices = stage.matrices(quant::format(kernel.type));
  const std::vector<float> x = random_activations(tokens);
  std::vector<float> y(static_cast<std::size_t>(tokens * Matrices::rows));
  stage.run(state, work_of(matrices, tokens), [&] {
    const std::byte* w = matrices.next();
    split_rows(stage.pool(), [&](std::int64_t begin, std::int64_t end) {
      kernel.multiply(w + static_cast<std::size_t>(begin) * matrices.row_bytes(), matrices.row_bytes(),
                      end - begin, Matrices::cols, x.data(), Matrices::cols, tokens, y.data() + begin,
                      Matrices::rows);
    });
  });
}

void add_matmul(Stage& stage, const kernels::Kernels& table, const kernels::Kernels::MatMulOf& kernel,
                std::int64_t tokens, int threads) {
  const std::string name = fmt::format("matmul/{}/{}/tokens:{}/threads:{}", table.isa,
                                       quant::format(kernel.type).name, tokens, threads);
  benchmark::RegisterBenchmark(name.c_str(), [&stage, kernel, tokens, threads](benchmark::State& state) {
    stage.prepare(threads);
    multiply_exactly(state, stage, kernel, tokens);
  })->UseRealTime();
}

}  // namespace

void add_matmuls(Stage& stage) {
  for (const int threads : stage.thread_counts()) {
    for (const kernels::Kernels::MatMulOf& each : kernels::available().front()->matmuls) {
      for (const kernels::Kernels* table : kernels::available()) {
        for (const std::int64_t tokens : token_counts) {
          if (table->isa == "scalar" && tokens > most_tokens_of_plain_code) continue;
          add_matmul(stage, *table, {each.type, table->matmul(each.type)}, tokens, threads);
        }
      }
    }
  }
}

}  // namespace yoke::bench
