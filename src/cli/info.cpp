// yoke info: what a model file holds, and what each rank would hold of it.
#include <fmt/core.h>

#include <map>
#include <memory>

#include "base/topology.h"
#include "cli/commands.h"
#include "cli/number_check.h"
#include "gguf/reader.h"
#include "model/family.h"
#include "model/partition.h"
#include "runtime/worker.h"

namespace yoke::cli {
namespace {

struct InfoOptions {
  std::string model;
  int ranks = 1;
};

void print_file(const gguf::Model& file) {
  const gguf::Metadata& metadata = file.metadata();
  std::int64_t weights = 0;
  std::map<quant::Type, std::pair<std::int64_t, std::uint64_t>> types;  // tensors and bytes of each
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    weights += tensor.values();
    ++types[tensor.type].first;
    types[tensor.type].second += tensor.bytes;
  }
  fmt::print("file          {} (GGUF v{}, {}{})\n", file.path().string(), file.version(),
             format_bytes(file.file_bytes()),
             file.files() > 1 ? fmt::format(" in {} files", file.files()) : "");
  fmt::print("name          {}\n", metadata.string_or("general.name", "-"));
  fmt::print("license       {}\n", metadata.string_or("general.license", "-"));
  fmt::print("weights       {:.4g} million in {} tensors\n", static_cast<double>(weights) / 1e6,
             file.tensors().size());
  for (const auto& [type, sum] : types) {
    fmt::print("              {:<7} {:>5} tensors, {}\n", quant::format(type).name, sum.first,
               format_bytes(sum.second));
  }
}

void print_config(const gguf::Model& file, const model::Config& config) {
  const model::LayerConfig& layer = config.layers.front();
  fmt::print("architecture  {}: {} layers × {}, {} heads over {} KV heads of {}, FFN {}\n",
             config.architecture, config.n_layers(), config.dim, layer.n_heads, layer.n_kv_heads,
             config.k_dim, layer.ffn_dim);
  fmt::print("context       {} positions\n", config.context);
  fmt::print("vocabulary    {} tokens ({}, {})\n", config.vocabulary,
             file.metadata().string_or("tokenizer.ggml.model", "no tokenizer"),
             file.metadata().string_or("tokenizer.ggml.pre", "no pre-tokenizer named"));
}

void print_ranks(const std::string& path, const model::Partition& partition) {
  runtime::EngineOptions options;
  options.model = path;
  fmt::print("\n{} rank{}, full context:\n", partition.size(), partition.size() == 1 ? "" : "s");
  fmt::print("rank  weights   KV cache  scratch   share\n");
  for (int rank = 0; rank < partition.size(); ++rank) {
    const runtime::MemoryNeed need = runtime::memory_needed(options, rank, partition.size());
    fmt::print("{:<4}  {:<8}  {:<8}  {:<8}  {}\n", rank, format_bytes(need.weights), format_bytes(need.kv),
               format_bytes(need.scratch), partition.describe(rank));
  }
}

int info(const InfoOptions& options) {
  const gguf::Model file = gguf::Model::open(options.model);
  print_file(file);
  const model::Config config = model::read_config(file);
  print_config(file, config);
  const std::unique_ptr<model::Family> family = model::make_family(config);
  print_ranks(options.model, {config, family->tensors(), file, model::equal_shares(options.ranks)});
  return 0;
}

}  // namespace

void add_info(CLI::App& app, Action& action) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command =
      app.add_subcommand("info", "Show what a model file holds, and what each rank would hold of it");
  command->add_option("MODEL", options->model, "GGUF file (any part of a split model)")->required();
  add_number(*command, "--ranks", options->ranks, whole_number_check(1, max_ranks),
             "Ranks to divide the model by");
  command->footer("Example:\n  yoke info models/demo.gguf --ranks 4");
  command->callback([options, &action] { action = [options] { return info(*options); }; });
}

}  // namespace yoke::cli
