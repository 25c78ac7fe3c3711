#include "runtime/model_summary.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "base/thread_pool.h"
#include "comm/solo.h"
#include "kernels/kernels.h"
#include "model/family.h"
#include "model/loader.h"
#include "ops/cpu/cpu_ops.h"

namespace yoke::runtime {
namespace {

/// The format that holds the most bytes.
std::string_view main_format(const gguf::Model& file) {
  std::map<quant::Type, std::uint64_t> bytes;
  for (const gguf::TensorInfo& tensor : file.tensors()) bytes[tensor.type] += tensor.bytes;
  const auto most = std::max_element(bytes.begin(), bytes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return quant::format(most->first).name;
}

}  // namespace

std::string size_label(std::int64_t weights) {
  const auto count = static_cast<double>(weights);
  constexpr std::array<std::pair<double, char>, 4> units{{{1e12, 'T'}, {1e9, 'B'}, {1e6, 'M'}, {1e3, 'K'}}};
  for (const auto& [size, letter] : units) {
    if (count < 0.9995 * size) continue;  // what would round to a thousand belongs to the next unit
    return fmt::format("{:.{}f}{}", count / size, count < 99.95 * size ? 1 : 0, letter);
  }
  return fmt::format("{}", weights);
}

ModelSummary summarise(const std::string& path, kernels::KvType kv_type, const gguf::Opener& open_file) {
  const gguf::Model file = gguf::Model::open(path, open_file);
  const std::unique_ptr<model::Family> family = model::make_family(model::read_config(file));
  const model::Config& config = family->config();
  const std::vector<model::TensorEntry> table = family->tensors();
  ThreadPool pool(1);
  comm::SoloComm comm;
  const std::unique_ptr<ops::Ops> ops = ops::cpu::make_ops(kernels::best(), pool, comm, {.kv_type = kv_type});
  model::check_tensors(file, config, table, *ops);

  ModelSummary summary;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    summary.bytes += tensor.bytes;
    summary.weights += tensor.values();
  }
  summary.description =
      fmt::format("{} {} {}", config.architecture, size_label(summary.weights), main_format(file));
  summary.layers = static_cast<std::int32_t>(config.n_layers());
  summary.context = static_cast<std::int32_t>(config.context);
  summary.vocabulary = static_cast<std::int32_t>(config.vocabulary);
  summary.reads = model::token_reads(file, config, table, *ops);
  summary.products = model::token_products(file, table);
  return summary;
}

}  // namespace yoke::runtime
