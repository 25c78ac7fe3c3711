// yoke bench: how fast a model computes prompts and generates, and what of the machine that takes.
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/model_file.h"
#include "cli/number_check.h"
#include "cli/usage.h"
#include "gguf/reader.h"
#include "rates/roofline.h"
#include "terminal/status_line.h"

namespace yoke::cli {
namespace {

using measure::BenchmarkTest;

constexpr int most_repetitions = 10'000;
constexpr std::uint64_t seed = 1;

struct BenchOptions {
  EngineFlags engine;
  std::vector<std::int32_t> prompts{512};
  std::vector<std::int32_t> generations{128};
  std::vector<std::int32_t> depths{0};
  int repetitions = 5;
  bool warm_up = true;
  std::string output = "md";
};

std::vector<BenchmarkTest> tests_of(const BenchOptions& options) {
  std::vector<BenchmarkTest> tests;
  for (const std::int32_t n : options.prompts) {
    if (n > 0) tests.push_back({n, 0});
  }
  for (const std::int32_t depth : options.depths) {
    for (const std::int32_t n : options.generations) {
      if (n > 0) tests.push_back({0, n, depth});
    }
  }
  return tests;
}

/// With the context that was asked for, or what the tests need and no more.
EngineFlags engine_for(const BenchOptions& options, const std::vector<BenchmarkTest>& tests) {
  EngineFlags flags = options.engine;
  if (flags.engine.context > 0) return flags;
  std::int64_t positions = 0;
  for (const BenchmarkTest& test : tests) positions = std::max(positions, test.positions());
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();  // more is refused further on
  flags.engine.context = static_cast<std::int32_t>(std::min(positions, most));
  return flags;
}

std::string flags_of(const BenchmarkTest& test) {
  if (test.n_gen == 0) return fmt::format("-p {}", test.n_prompt);
  return test.depth > 0 ? fmt::format("-n {} -d {}", test.n_gen, test.depth)
                        : fmt::format("-n {}", test.n_gen);
}

void check_lengths(const BenchOptions& options, const std::vector<BenchmarkTest>& tests,
                   std::int32_t trained) {
  const std::int32_t asked = options.engine.engine.context;
  for (const BenchmarkTest& test : tests) {
    const std::string flags = flags_of(test);
    require(test.positions() <= trained,
            "{} needs a context of {} positions, but the model was trained for {}", flags, test.positions(),
            trained);
    require(asked == 0 || test.positions() <= asked,
            "{} needs a context of {} positions, but --ctx {} was given", flags, test.positions(), asked);
  }
}

/// Runs tests and shows how far it is.
class Runner {
 public:
  Runner(const BenchOptions& options, runtime::Engine& engine, measure::RandomPrompts prompts)
      : options_(options), engine_(engine), prompts_(std::move(prompts)) {}

  BenchRow run(const BenchmarkTest& test) {
    if (options_.warm_up) run_once(warm_up_of(test), test.name() + ", warm-up");
    BenchRow row{test, {}, {}};
    const std::vector<runtime::RankReport> before = engine_.reports();
    for (int i = 1; i <= options_.repetitions; ++i) {
      row.samples.push_back(
          run_once(test, fmt::format("{}, run {} of {}", test.name(), i, options_.repetitions)));
    }
    const std::vector<runtime::RankReport> after = engine_.reports();
    for (std::size_t rank = 0; rank < after.size(); ++rank)
      row.times.push_back(after[rank].time.since(before[rank].time));
    return row;
  }

 private:
  /// Of generation a few tokens are enough, and no depth: all steps are alike.
  static BenchmarkTest warm_up_of(const BenchmarkTest& test) {
    return {test.n_prompt, std::min(test.n_gen, 16), 0};
  }

  measure::BenchmarkSample run_once(const BenchmarkTest& test, const std::string& name) {
    line_.show(name);
    return measure::run_test(engine_, test, prompts_, [&](std::int32_t generated) {
      line_.show(fmt::format("{}: {} of {} tokens", name, generated, test.n_gen));
    });
  }

  const BenchOptions& options_;
  runtime::Engine& engine_;
  measure::RandomPrompts prompts_;
  terminal::StatusLine line_;
};

/// What each rank can do while all others do, right now.
std::vector<rates::Roofline> measure_limits(runtime::Engine& engine) {
  terminal::StatusLine line;
  line.show("measuring the machines' limits");
  return engine.measure_rooflines();
}

/// Runs the tests between two measurements of the machines' limits.
void measure(const std::vector<BenchmarkTest>& tests, runtime::Engine& engine, Runner& runner,
             BenchReport& report) {
  report.limits = measure_limits(engine);
  for (const BenchmarkTest& test : tests) report.rows.push_back(runner.run(test));
  const std::vector<rates::Roofline> later = measure_limits(engine);
  for (std::size_t r = 0; r < later.size(); ++r) report.limits[r].append(later[r]);
}

int bench(const BenchOptions& options) {
  const std::vector<BenchmarkTest> tests = tests_of(options);
  const EngineFlags flags = engine_for(options, tests);
  if (follow(flags)) return 0;
  if (tests.empty())
    throw UsageError("there is nothing to measure: expected tokens to compute (-p) or generate (-n)");
  BenchReport report;
  report.model_path = flags.host.model;
  const ModelFile file = find_model(flags.host.model).value_or(ModelFile{flags.host.model});
  report.model = runtime::summarise(file.path, flags.engine.kv_type, file.opener);
  report.kv_type = flags.engine.kv_type;
  report.prefill_chunk = flags.engine.prefill_chunk;
  report.version = YOKE_VERSION;
  report.time = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)));
  check_lengths(options, tests, report.model.context);

  const std::unique_ptr<runtime::Engine> engine = start_engine(flags);
  if (engine == nullptr) return 0;  // --dry-run
  report.ranks = engine->reports();
  Runner runner(options, *engine, {open_model(flags.host.model).metadata(), report.model.vocabulary, seed});
  measure(tests, *engine, runner, report);

  fmt::print("{}", options.output == "json" ? bench_json(report) : bench_markdown(report));
  return 0;
}

CLI::Option* add_lengths(CLI::App& command, const std::string& flags, std::vector<std::int32_t>& lengths,
                         const std::string& description) {
  return add_numbers(command, flags, lengths, whole_number_check(0, std::numeric_limits<std::int32_t>::max()),
                     description)
      ->default_str(fmt::format("{}", fmt::join(lengths, ",")));
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure how fast a model computes prompts and generates");
  add_engine_flags(*command, options->engine);
  command->get_option("--ctx")->description("Positions of the context (default: what the tests need)");
  add_lengths(*command, "-p,--n-prompt", options->prompts,
              "Tokens of a prompt to compute; several separated by commas, 0 for none");
  add_lengths(*command, "-n,--n-gen", options->generations,
              "Tokens to generate after a prompt of one; several separated by commas, 0 for none");
  add_lengths(*command, "-d,--n-depth", options->depths,
              "Tokens that precede the generated ones, not measured; several separated by commas");
  add_number(*command, "-r,--repetitions", options->repetitions, whole_number_check(1, most_repetitions),
             "Runs of each test")
      ->default_str(std::to_string(options->repetitions));
  command->add_flag_callback(
      "--no-warmup", [options] { options->warm_up = false; },
      "Do not run each test once before it is measured");
  CLI::Option* output = command->add_option("-o,--output", options->output, "md: tables in Markdown; json")
                            ->check(choice_check({"md", "json"}))
                            ->capture_default_str();
  command
      ->add_flag_callback(
          "--json", [options] { options->output = "json"; }, "The same as -o json")
      ->excludes(output);
  command->footer("Example:\n  yoke bench -m models/demo.gguf -p 512 -n 128 -r 5 -t 2 -o md");
  command->callback([options, &action] { action = [options] { return bench(*options); }; });
}

}  // namespace yoke::cli
