// yoke synth: a model of random weights, for measuring.
#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "cli/commands.h"
#include "cli/number_check.h"
#include "cli/size_flag.h"
#include "cli/synth_shapes.h"
#include "cli/synth_vocabulary.h"
#include "cli/type_flag.h"
#include "cli/usage.h"
#include "gguf/reader.h"
#include "model/config.h"
#include "model/family.h"
#include "model/synth.h"
#include "terminal/progress_bar.h"

namespace yoke::cli {
namespace {

struct SynthOptions {
  std::string family;
  std::string shape;
  std::optional<quant::Type> type;
  std::optional<std::int64_t> layers;
  std::optional<std::int64_t> context;
  std::optional<std::int64_t> vocabulary;
  std::uint64_t seed = 0;
  bool sparse = false;
  std::uint64_t split_bytes = 0;
  std::string out;
};

model::Config config_of(const SynthOptions& options) {
  model::Config config = config_of_shape(options.shape, options.family);
  config.context = options.context.value_or(config.context);
  config.vocabulary = options.vocabulary.value_or(config.vocabulary);
  if (!options.layers) return config;
  // Where layers differ, those that are kept are of both kinds.
  const model::LayerConfig last = config.layers.back();
  config.layers.resize(static_cast<std::size_t>(*options.layers), last);
  if (*options.layers > 1) config.layers.back() = last;
  return config;
}

void check_shape(const SynthOptions& options, const model::Config& config) {
  try {
    model::make_family(config);
  } catch (const Error& error) {
    throw UsageError(
        fmt::format("a {} model cannot have the shape {}: {}", options.family, options.shape, error.what()));
  }
}

std::string what_is_wrong_with_family(const std::string& family) {
  try {
    model::check_architecture(family, "");
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

int synth(const SynthOptions& options) {
  const model::Config config = config_of(options);
  check_shape(options, config);
  gguf::Metadata metadata;
  metadata.set("general.name", fmt::format("Random {} {}", options.family, options.shape));
  set_vocabulary(metadata, config.vocabulary);
  ThreadPool pool(read_topology().cores);
  {
    terminal::ProgressBar bar("writing");
    model::write_random_model(options.out, config, std::move(metadata),
                              {*options.type, options.seed, options.sparse, options.split_bytes}, pool,
                              [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); });
  }
  fmt::print("{}: {} {}, every matrix {} {}\n", options.out, options.family, options.shape,
             options.sparse ? "zeros in" : "in", quant::format(*options.type).name);
  return 0;
}

}  // namespace

void add_synth(CLI::App& app, Action& action) {
  auto options = std::make_shared<SynthOptions>();
  CLI::App* command = app.add_subcommand("synth", "Write a model of random weights, for measuring");
  command->add_option("--family", options->family, "Family, such as llama or qwen3moe")
      ->required()
      ->check(what_is_wrong_with_family);
  command->add_option("--shape", options->shape, "Shape")->required()->check(choice_check(synth_shapes()));
  add_type_flag(*command, "--type", options->type, "Format of every matrix", TypeUse::decode)->required();
  constexpr std::int64_t most_layers = 1000;
  add_number_function<std::int64_t>(
      *command, "--layers", [options](std::int64_t layers) { options->layers = layers; },
      whole_number_check(1, most_layers), "Layers (default: those of the shape)");
  constexpr std::int64_t most_positions = 1 << 24;
  add_number_function<std::int64_t>(
      *command, "--ctx", [options](std::int64_t context) { options->context = context; },
      whole_number_check(1, most_positions),
      "Positions that it says it was trained for (default: those of the shape)");
  constexpr std::int64_t fewest_tokens = 300;  // 256 bytes and special tokens
  constexpr std::int64_t most_tokens = 1 << 24;
  add_number_function<std::int64_t>(
      *command, "--vocabulary", [options](std::int64_t vocabulary) { options->vocabulary = vocabulary; },
      whole_number_check(fewest_tokens, most_tokens), "Tokens (default: those of the shape)");
  add_number(*command, "--seed", options->seed, seed_check(), "The same seed gives the same file")
      ->default_str(std::to_string(options->seed));
  command->add_flag("--sparse", options->sparse,
                    "Matrices of zeros that take no room on the disk: for planning, not for measuring");
  add_size(*command, "--split-max-size", options->split_bytes,
           "Split into files OUT-00001-of-0000N.gguf that hold at most so much, such as 50GB");
  command->add_option("OUT", options->out, "GGUF file to write")->required();
  command->footer("Example:\n  yoke synth --family llama --shape 1.5b --type Q4_0 random-1.5b.gguf");
  command->callback([options, &action] { action = [options] { return synth(*options); }; });
}

}  // namespace yoke::cli
