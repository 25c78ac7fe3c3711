// yoke quantize: a copy of a model with its matrices in another format.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/thread_pool.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/type_flag.h"
#include "gguf/reader.h"
#include "model/quantize.h"
#include "terminal/progress_bar.h"
#include "terminal/tell.h"

namespace yoke::cli {
namespace {

struct QuantizeOptions {
  std::string in;
  std::string out;
  std::optional<quant::Type> type;
  std::optional<quant::Type> output;
  std::optional<quant::Type> embedding;
  bool json = false;
};

/// What a person may not expect of the copy.
void print_notes(const model::QuantizePlan& plan) {
  if (plan.quantised_before > 0) {
    terminal::tell("{} of {} matrices were quantised before; what that lost stays lost\n",
                   plan.quantised_before, plan.matrices);
  }
  std::map<quant::Type, int> fallbacks;
  for (const gguf::TensorSpec& tensor : plan.fallbacks) ++fallbacks[tensor.type];
  for (const auto& [type, count] : fallbacks) {
    const auto& first = *std::find_if(plan.fallbacks.begin(), plan.fallbacks.end(),
                                      [wanted = type](const auto& tensor) { return tensor.type == wanted; });
    terminal::tell("{} of {} matrices become {}, because their rows are no whole blocks ({}, {}{})\n", count,
                   plan.matrices, quant::format(type).name, first.name, gguf::shape_text(first.shape),
                   count > 1 ? ", …" : "");
  }
}

void print_figures(const QuantizeOptions& options, const model::QuantizePlan& plan) {
  const double bits = 8.0 * static_cast<double>(plan.bytes_after) / static_cast<double>(plan.weights);
  if (options.json) {
    const nlohmann::ordered_json figures{{"type", quant::format(*options.type).name},
                                         {"bytes_before", plan.bytes_before},
                                         {"bytes_after", plan.bytes_after},
                                         {"weights", plan.weights},
                                         {"bits_per_weight", bits},
                                         {"matrices", plan.matrices},
                                         {"matrices_quantised_before", plan.quantised_before},
                                         {"matrices_in_another_format", plan.fallbacks.size()}};
    fmt::print("{}\n", figures.dump(2));
  } else {
    fmt::print("{}: {} -> {}, {:.2f} bits per weight\n", options.out, format_bytes(plan.bytes_before),
               format_bytes(plan.bytes_after), bits);
  }
}

int quantize(const QuantizeOptions& options) {
  const gguf::Model model = gguf::Model::open(options.in);
  const model::QuantizePlan plan =
      model::plan_quantize(model, {*options.type, options.output, options.embedding});
  ThreadPool pool(read_topology().cores);
  {
    terminal::ProgressBar bar("writing");
    model::quantize(model, plan, options.out, pool,
                    [&](std::uint64_t done) { bar.update(done, plan.bytes_after); });
  }
  print_notes(plan);
  print_figures(options, plan);
  return 0;
}

}  // namespace

void add_quantize(CLI::App& app, Action& action) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App* command = app.add_subcommand("quantize", "Copy a model with its matrices in another format");
  command->add_option("IN", options->in, "GGUF file (any part of a split model), in any format")->required();
  command->add_option("OUT", options->out, "GGUF file to write")->required();
  add_type_flag(*command, "--type", options->type, "Format of every matrix")->required();
  add_type_flag(*command, "--output-type", options->output, "Format of the output matrix (default: --type)");
  add_type_flag(*command, "--embedding-type", options->embedding,
                "Format of the token embedding (default: --type)");
  command->add_flag("--json", options->json, "Print the figures as JSON");
  command->footer("Example:\n  yoke quantize model-f16.gguf model-q4.gguf --type Q4_K --output-type Q6_K");
  command->callback([options, &action] { action = [options] { return quantize(*options); }; });
}

}  // namespace yoke::cli
