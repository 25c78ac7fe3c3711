// yoke synth: a model of random weights, for measuring.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/number_check.h"
#include "cli/progress_bar.h"
#include "cli/synth_vocabulary.h"
#include "cli/type_flag.h"
#include "cli/usage.h"
#include "gguf/reader.h"
#include "model/config.h"
#include "model/synth.h"

namespace yoke::cli {
namespace {

struct SynthOptions {
  std::string family;
  std::string shape;
  std::optional<quant::Type> type;
  std::optional<std::int64_t> layers;
  std::optional<std::int64_t> context;
  std::uint64_t seed = 0;
  std::string out;
};

struct Shape {
  std::string_view name;
  std::int64_t layers, dim, ffn, heads, kv_heads, vocabulary, context;
};

constexpr std::int64_t llama3_vocabulary = 128'256;

// The larger two are those of Llama 3.1.
constexpr std::array shapes = {
    Shape{"tiny", 4, 256, 768, 8, 4, 2048, 512},
    Shape{"1.5b", 16, 2048, 8192, 32, 8, llama3_vocabulary, 4096},
    Shape{"8b", 32, 4096, 14'336, 32, 8, llama3_vocabulary, 131'072},
    Shape{"70b", 80, 8192, 28'672, 64, 8, llama3_vocabulary, 131'072},
};

model::Config config_of(const SynthOptions& options) {
  const Shape& shape = *std::find_if(shapes.begin(), shapes.end(),
                                     [&](const Shape& known) { return known.name == options.shape; });
  model::Config config;
  config.architecture = options.family;
  config.dim = shape.dim;
  config.vocabulary = shape.vocabulary;
  config.context = options.context.value_or(shape.context);
  config.k_dim = config.v_dim = shape.dim / shape.heads;
  config.norm_epsilon = 1e-5f;
  config.rope.dims = config.k_dim;
  config.rope.base = 500'000;
  config.layers.assign(static_cast<std::size_t>(options.layers.value_or(shape.layers)),
                       {shape.heads, shape.kv_heads, shape.ffn});
  return config;
}

int synth(const SynthOptions& options) {
  const model::Config config = config_of(options);
  gguf::Metadata metadata;
  metadata.set("general.name", fmt::format("Random {} {}", options.family, options.shape));
  set_vocabulary(metadata, config.vocabulary);
  ThreadPool pool(read_topology().cores);
  {
    ProgressBar bar("writing");
    model::write_random_model(options.out, config, std::move(metadata), {*options.type, options.seed}, pool,
                              [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); });
  }
  fmt::print("{}: {} {}, every matrix in {}\n", options.out, options.family, options.shape,
             quant::format(*options.type).name);
  return 0;
}

}  // namespace

void add_synth(CLI::App& app, Action& action) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* command = app.add_subcommand("synth", "Write a model of random weights, for measuring");
  command->add_option("--family", options->family, "Family, such as llama, qwen2 or qwen3")->required();
  std::vector<std::string> names;
  for (const Shape& shape : shapes) names.emplace_back(shape.name);
  command->add_option("--shape", options->shape, "Shape")->required()->check(choice_check(names));
  add_type_flag(*command, "--type", options->type, "Format of every matrix")->required();
  constexpr std::int64_t most_layers = 1000;
  add_number_function<std::int64_t>(
      *command, "--layers", [options](std::int64_t layers) { options->layers = layers; },
      whole_number_check(1, most_layers), "Layers (default: those of the shape)");
  constexpr std::int64_t most_positions = 1 << 24;
  add_number_function<std::int64_t>(
      *command, "--ctx", [options](std::int64_t context) { options->context = context; },
      whole_number_check(1, most_positions),
      "Positions that it says it was trained for (default: those of the shape)");
  add_number(*command, "--seed", options->seed, seed_check(), "The same seed gives the same file")
      ->default_str(std::to_string(options->seed));
  command->add_option("OUT", options->out, "GGUF file to write")->required();
  command->footer("Example:\n  yoke synth --family llama --shape 1.5b --type Q4_0 random-1.5b.gguf");
  command->callback([options, &action] { action = [options] { return synth(*options); }; });
}

}  // namespace yoke::cli
