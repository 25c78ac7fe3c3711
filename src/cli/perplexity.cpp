// yoke perplexity: how well a model foresees a text.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/printable.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/read_tokenizer.h"
#include "cli/text_file.h"
#include "measure/distributions.h"
#include "measure/divergence.h"
#include "measure/perplexity.h"
#include "runtime/model_summary.h"
#include "terminal/status_line.h"

namespace yoke::cli {
namespace {

constexpr std::int32_t usual_window = 512;
constexpr std::size_t longest_source = 200;  // bytes of a saved model's name that are shown

struct PerplexityOptions {
  EngineFlags engine;  // its context is the length of a window; 0: the usual one
  std::string text;
  std::string save;     // --kl-base: where the distributions go; empty: nowhere
  std::string compare;  // --kl: those to compare with; empty: none
  bool json = false;
};

std::int32_t window_length(const PerplexityOptions& options, std::int32_t trained) {
  const std::int32_t asked = options.engine.engine.context;
  require(asked <= trained,
          "windows of {} tokens were asked for with --ctx, but the model was trained for {}", asked, trained);
  return asked > 0 ? asked : std::min(usual_window, trained);
}

/// With a context that holds as many windows as fill a step, which then run at once.
EngineFlags engine_for(const PerplexityOptions& options, std::int32_t trained) {
  EngineFlags flags = options.engine;
  const std::int32_t length = window_length(options, trained);
  flags.engine.context = std::min(trained, std::max(length, flags.engine.prefill_chunk));
  flags.engine.sequences = flags.engine.context / length;
  return flags;
}

EngineFlags engine_of_follower(const PerplexityOptions& options) {
  try {
    return engine_for(options,
                      runtime::summarise(options.engine.host.model, options.engine.engine.kv_type).context);
  } catch (const Error&) {
    return options.engine;  // the start of the engine finds the same, and lets one rank say it
  }
}

measure::Windows cut(const PerplexityOptions& options, std::int32_t length) {
  const std::unique_ptr<text::Tokenizer> tokenizer = read_tokenizer(options.engine.host.model).tokenizer;
  const std::string text = read_text(options.text);
  require(!text.empty(), "{}: is empty, expected some text", source_name(options.text));
  require_utf8(text, source_name(options.text));
  return {tokenizer->encode_prompt(text, text::Specials::as_text), length,
          tokenizer->adds_bos() ? tokenizer->bos() : std::nullopt};
}

measure::SavedRun describe_run(const PerplexityOptions& options, const runtime::ModelSummary& model,
                               const measure::Windows& windows) {
  const std::string file = std::filesystem::path(options.engine.host.model).filename().string();
  return measure::describe_run(windows, model.vocabulary,
                               fmt::format("{} ({}), activations {}", file, model.description,
                                           kernels::name_of(options.engine.engine.activations)));
}

/// What becomes of the whole distributions, where anything does.
class Distributions {
 public:
  /// Throws Error where those to compare with are of other tokens, or the others cannot be written.
  Distributions(const PerplexityOptions& options, const measure::SavedRun& run) {
    if (!options.compare.empty()) {
      base_.emplace(options.compare);
      base_->require_same_tokens(run);
      divergence_.emplace(*base_);
    }
    if (!options.save.empty()) writer_.emplace(options.save, run);
  }

  /// What takes the rows; empty where nobody wants them.
  measure::TakeRow taker() {
    if (!divergence_ && !writer_) return {};
    return [this](const measure::ScoredRow& row) {
      if (divergence_) divergence_->add(row);
      if (writer_) writer_->add(row);
    };
  }
  /// After the last row.
  void finish() {
    if (writer_) writer_->commit();
  }

  const measure::DistributionFile* base() const { return base_ ? &*base_ : nullptr; }
  /// Where there is a base.
  const measure::Divergence& divergence() const { return divergence_.value(); }

 private:
  std::optional<measure::DistributionFile> base_;
  std::optional<measure::Divergence> divergence_;
  std::optional<measure::DistributionWriter> writer_;
};

struct Measured {
  measure::Perplexity perplexity;
  double seconds = 0;
};

Measured measure(runtime::Engine& engine, const measure::Windows& windows, Distributions& distributions) {
  terminal::StatusLine line;
  const auto start = std::chrono::steady_clock::now();
  const auto progress = [&](std::int32_t computed, const measure::Perplexity& so_far) {
    line.show(
        fmt::format("perplexity {:.2f} after {} of {} windows", so_far.value(), computed, windows.count()));
  };
  const measure::Perplexity perplexity =
      measure::measure_perplexity(engine, windows, progress, distributions.taker());
  distributions.finish();
  return {perplexity, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

void print_divergence(const Distributions& distributions) {
  const measure::Divergence& divergence = distributions.divergence();
  const measure::DivergenceFigures figures = divergence.figures();
  const measure::Perplexity& base = divergence.base_perplexity();
  fmt::print("base        {}: perplexity {:.4f} ± {:.4f}\n",
             printable(distributions.base()->run().source, longest_source), base.value(),
             base.standard_error());
  fmt::print("divergence  mean {:.8f} ± {:.8f}, 99% at most {:.8f}, highest {:.8f}\n", figures.mean,
             figures.standard_error, figures.quantile_99, figures.highest);
  fmt::print("likeliest   the same token in {:.3f}% of {}\n", 100 * figures.same_top, figures.rows);
}

void print_text(const measure::Windows& windows, const Measured& measured,
                const Distributions& distributions) {
  const std::int64_t tokens = std::int64_t{windows.count()} * windows.length();
  fmt::print("perplexity  {:.4f} ± {:.4f}\n", measured.perplexity.value(),
             measured.perplexity.standard_error());
  if (distributions.base() != nullptr) print_divergence(distributions);
  fmt::print("scored      {} tokens: the last {} of {} windows of {}\n", measured.perplexity.tokens(),
             windows.scored(), windows.count(), windows.length());
  fmt::print("time        {:.2f} s, {:.1f} tokens/s\n", measured.seconds,
             static_cast<double>(tokens) / measured.seconds);
}

nlohmann::ordered_json divergence_json(const PerplexityOptions& options, const Distributions& distributions) {
  const measure::Divergence& divergence = distributions.divergence();
  const measure::DivergenceFigures figures = divergence.figures();
  return {{"base_filename", options.compare},
          {"base_source", distributions.base()->run().source},
          {"base_perplexity", divergence.base_perplexity().value()},
          {"base_standard_error", divergence.base_perplexity().standard_error()},
          {"mean", figures.mean},
          {"standard_error", figures.standard_error},
          {"quantile_99", figures.quantile_99},
          {"highest", figures.highest},
          {"same_top", figures.same_top}};
}

void print_json(const PerplexityOptions& options, const runtime::ModelSummary& model,
                const std::vector<runtime::RankReport>& ranks, const measure::Windows& windows,
                const Measured& measured, const Distributions& distributions) {
  using Json = nlohmann::ordered_json;
  const std::int64_t tokens = std::int64_t{windows.count()} * windows.length();
  Json result{{"model_filename", options.engine.host.model},
              {"model_type", model.description},
              {"text_filename", options.text},
              {"n_ctx", windows.length()},
              {"n_windows", windows.count()},
              {"n_scored", measured.perplexity.tokens()},
              {"perplexity", measured.perplexity.value()},
              {"standard_error", measured.perplexity.standard_error()},
              {"n_ranks", ranks.size()},
              {"n_threads", ranks.front().threads},
              {"isa", ranks.front().isa},
              {"seconds", measured.seconds},
              {"tokens_per_second", static_cast<double>(tokens) / measured.seconds}};
  if (distributions.base() != nullptr) result["kl"] = divergence_json(options, distributions);
  fmt::print("{}\n",
             result.dump(2, ' ', false, Json::error_handler_t::replace));  // a path may hold any bytes
}

int perplexity(const PerplexityOptions& options) {
  if (is_follower() && follow(engine_of_follower(options))) return 0;
  const runtime::ModelSummary model =
      runtime::summarise(options.engine.host.model, options.engine.engine.kv_type);
  const measure::Windows windows = cut(options, window_length(options, model.context));
  Distributions distributions(options, describe_run(options, model, windows));
  const std::unique_ptr<runtime::Engine> engine = start_engine(engine_for(options, model.context));
  if (engine == nullptr) return 0;  // --dry-run
  const Measured measured = measure(*engine, windows, distributions);
  if (options.json) {
    print_json(options, model, engine->reports(), windows, measured, distributions);
  } else {
    print_text(windows, measured, distributions);
  }
  return 0;
}

}  // namespace

void add_perplexity(CLI::App& app, Action& action) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* command = app.add_subcommand("perplexity", "Measure how well a model foresees a text");
  add_engine_flags(*command, options->engine);
  command->get_option("--ctx")->description(
      "Tokens of a window (default: 512, or what the model was trained for where that is less)");
  command->add_option("--text", options->text, "File with the text, UTF-8")->required();
  command->add_option("--kl-base", options->save,
                      "Save the distributions of the tokens that count to this file");
  command->add_option(
      "--kl", options->compare,
      "Compare with the distributions in this file, which --kl-base saved over the same tokens");
  command->add_flag("--json", options->json, "Write the figures as JSON");
  command->footer(
      "The perplexity is e^(mean of -ln p) over the tokens that count, p being what the model gave each.\n"
      "The text is tokenized once, with BOS in front where the model adds one, and cut into windows of "
      "--ctx\n"
      "tokens; what is left at the end is not used. Each window is computed by itself: its first token "
      "becomes\n"
      "BOS where the model adds one, and the tokens behind its middle count (of 512: those at 257 to 511, "
      "from\n"
      "0). llama.cpp's tool counts the same tokens.\n\n"
      "--kl says how far the distributions p in the file are from these, q: the mean over the tokens of\n"
      "sum p ln(p / q) in nats (the Kullback-Leibler divergence), and how often both find the same token\n"
      "likeliest. It tells what quantising cost long before the perplexity does.\n\n"
      "Examples:\n"
      "  yoke perplexity models/demo.gguf --text models/heldout.txt --ctx 256 --kl-base demo.dist\n"
      "  yoke quantize models/demo.gguf demo-q4.gguf --type Q4_K\n"
      "  yoke perplexity demo-q4.gguf --text models/heldout.txt --ctx 256 --kl demo.dist");
  command->callback([options, &action] { action = [options] { return perplexity(*options); }; });
}

}  // namespace yoke::cli
