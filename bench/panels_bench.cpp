// Products of packed weights with activations, by format, instruction set and number of tokens.
#include <fmt/core.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/random.h"
#include "bench/stage.h"
#include "kernels/kernels.h"

namespace yoke::bench {
namespace {

constexpr std::int64_t token_counts[] = {1, 2, 4, 8, 64, 504};

constexpr std::int64_t rows_per_thread = 1024, cols = 2048;

/// Activations of all tokens as bytes: one set, which all threads read.
std::vector<kernels::ActivationBlock> quantized(const kernels::Kernels& table, const std::vector<float>& x,
                                                std::int64_t tokens) {
  constexpr std::int64_t blocks = cols / kernels::activation_block;
  std::vector<kernels::ActivationBlock> out(static_cast<std::size_t>(tokens * blocks));
  for (std::int64_t t = 0; t < tokens; ++t)
    table.quantize_activations(x.data() + t * cols, cols, out.data() + t * blocks);
  return out;
}

void multiply_panels(benchmark::State& state, Stage& stage, const kernels::Kernels& table, quant::Type type,
                     kernels::Gemv gemv, std::int64_t tokens) {
  const std::int64_t rows = rows_per_thread * stage.pool().size();
  Matrices& matrices = stage.matrices({type, Pieces::panels, rows, cols});
  const std::vector<float> x = random_floats(tokens * cols);
  const std::vector<kernels::ActivationBlock> blocks = quantized(table, x, tokens);
  std::vector<float> y(static_cast<std::size_t>(tokens * rows));
  kernels::PanelProduct whole{};
  whole.panel_bytes = matrices.piece_bytes();
  whole.rows = rows;
  whole.units = kernels::PanelColumns{type, 0, cols}.units();
  whole.x = {x.data(), cols, blocks.data(), cols / kernels::activation_block};
  whole.end_token = tokens;
  whole.y = y.data();
  whole.y_stride = rows;
  const kernels::Kernels::PanelMultiply multiply = table.panel_multiply(type, gemv);
  const Work work{static_cast<double>(matrices.matrix_bytes()),
                  2.0 * static_cast<double>(rows * cols * tokens)};
  stage.run(state, work, [&] {
    whole.panels = matrices.next();
    matrices.split(stage.pool(), [&](std::int64_t begin, std::int64_t end) {
      kernels::PanelProduct part = whole;
      part.first_panel = begin;
      part.end_panel = end;
      multiply(part);
    });
  });
}

void add_panel(Stage& stage, const kernels::Kernels& table, quant::Type type, kernels::Gemv gemv,
               std::int64_t tokens, int threads) {
  std::string name =
      fmt::format("panels/{}/{}/tokens:{}/threads:{}", table.isa, quant::format(type).name, tokens, threads);
  if (gemv != kernels::gemvs.front()) name += fmt::format("/{}", name_of(gemv));
  benchmark::RegisterBenchmark(name.c_str(), [&stage, &table, type, gemv, tokens,
                                              threads](benchmark::State& state) {
    stage.prepare(threads);
    multiply_panels(state, stage, table, type, gemv, tokens);
  })->UseRealTime();
}

/// The ways of multiplying so many tokens.
std::span<const kernels::Gemv> gemvs_of(const kernels::Kernels& table, quant::Type type,
                                        std::int64_t tokens) {
  const std::span<const kernels::Gemv> all = kernels::gemvs;
  return tokens <= kernels::most_gemv_tokens && table.has_gemvs(type) ? all : all.first(1);
}

std::vector<quant::Type> packed_types() {
  const kernels::Kernels& table = *kernels::available().front();
  std::vector<quant::Type> types;
  for (const auto& list : {table.panel_multiplies, table.iq_panel_multiplies}) {
    for (const kernels::Kernels::PanelMultiplyOf& each : list) types.push_back(each.type);
  }
  return types;
}

}  // namespace

void add_panels(Stage& stage) {
  for (const int threads : stage.thread_counts()) {
    for (const quant::Type type : packed_types()) {
      for (const kernels::Kernels* table : kernels::available()) {
        for (const std::int64_t tokens : token_counts) {
          if (is_too_slow(*table, tokens)) continue;
          for (const kernels::Gemv gemv : gemvs_of(*table, type, tokens))
            add_panel(stage, *table, type, gemv, tokens, threads);
        }
      }
    }
  }
}

}  // namespace yoke::bench
