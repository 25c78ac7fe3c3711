// Products of weights with activations, by format, instruction set and number of tokens.
#include <fmt/core.h>

#include <cstdint>
#include <vector>

#include "bench/random.h"
#include "bench/stage.h"
#include "kernels/kernels.h"

namespace yoke::bench {
namespace {

constexpr std::int64_t token_counts[] = {1, 2, 4, 8, 64, 512};

constexpr std::int64_t rows = 4096, cols = 4096;

/// Weights as the file has them, activations F32.
void multiply_exactly(benchmark::State& state, Stage& stage, const kernels::Kernels::MatMulOf& kernel,
                      std::int64_t tokens) {
  Matrices& matrices = stage.matrices({kernel.type, Pieces::rows, rows, cols});
  const std::vector<float> x = random_floats(tokens * cols);
  std::vector<float> y(static_cast<std::size_t>(tokens * rows));
  const Work work{static_cast<double>(matrices.matrix_bytes()),
                  2.0 * static_cast<double>(rows * cols * tokens)};
  stage.run(state, work, [&] {
    const std::byte* w = matrices.next();
    matrices.split(stage.pool(), [&](std::int64_t begin, std::int64_t end) {
      kernel.multiply(w + static_cast<std::size_t>(begin) * matrices.piece_bytes(), matrices.piece_bytes(),
                      end - begin, cols, x.data(), cols, tokens, y.data() + begin, rows);
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
          if (is_too_slow(*table, tokens)) continue;
          add_matmul(stage, *table, {each.type, table->matmul(each.type)}, tokens, threads);
        }
      }
    }
  }
}

}  // namespace yoke::bench
