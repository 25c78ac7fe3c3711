// yoke logits: the logits of given tokens, for comparing with other implementations.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <variant>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"

namespace yoke::cli {
namespace {

struct LogitsOptions {
  EngineFlags engine;
  std::string tokens;
  std::string out;
};

/// A file that gets its name only when it is complete.
class OutputFile {
 public:
  explicit OutputFile(const std::string& path) : path_(path), temporary_(path + ".part") {
    file_.open(temporary_, std::ios::binary | std::ios::trunc);
    require(file_.is_open(), "{}: cannot be written ({})", path, std::generic_category().message(errno));
  }
  ~OutputFile() {
    std::error_code ignored;
    if (!finished_) std::filesystem::remove(temporary_, ignored);
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(const std::vector<float>& values) {
    file_.write(reinterpret_cast<const char*>(values.data()),
                static_cast<std::streamsize>(values.size() * sizeof(float)));
  }
  void finish() {
    file_.close();
    std::error_code failed;
    if (file_) std::filesystem::rename(temporary_, path_, failed);
    require(file_ && !failed, "{}: cannot be written (is the disk full?)", path_);
    finished_ = true;
  }

 private:
  std::string path_;
  std::string temporary_;
  std::ofstream file_;
  bool finished_ = false;
};

/// "1,2,3" as ids.
std::vector<runtime::Token> parse_tokens(const std::string& text) {
  std::vector<runtime::Token> tokens;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    runtime::Token token = 0;
    const auto [rest, failed] = std::from_chars(text.data() + begin, text.data() + end, token);
    require(failed == std::errc() && rest == text.data() + end,
            "--tokens has '{}'; expected token ids separated by commas, such as 1,2,3",
            text.substr(begin, end - begin));
    tokens.push_back(token);
    begin = end + 1;
  }
  return tokens;
}

int logits(const LogitsOptions& options) {
  if (is_follower()) return start_engine(options.engine), 0;
  runtime::Request request;
  request.prompt = parse_tokens(options.tokens);
  request.all_logits = true;
  OutputFile file(options.out);
  const std::unique_ptr<runtime::Engine> engine = start_engine(options.engine);
  const std::size_t positions = request.prompt.size();
  engine->submit(std::move(request));
  while (true) {
    const std::optional<runtime::Event> event = engine->next(std::chrono::seconds(1));
    if (!event) continue;
    if (const auto* rows = std::get_if<runtime::LogitsEvent>(&*event)) file.write(rows->logits);
    if (const auto* refused = std::get_if<runtime::RefusedEvent>(&*event)) throw Error(refused->sentence);
    if (std::holds_alternative<runtime::DoneEvent>(*event)) break;
  }
  file.finish();
  fmt::print(stderr, "{}: {} positions × {} logits, float32\n", options.out, positions,
             engine->info().vocabulary);
  return 0;
}

}  // namespace

void add_logits(CLI::App& app, Action& action) {
  auto options = std::make_shared<LogitsOptions>();
  CLI::App* command = app.add_subcommand("logits", "Write the logits of given tokens to a file");
  add_engine_flags(*command, options->engine);
  command
      ->add_option("--tokens", options->tokens, "Token ids, separated by commas; nothing is added in front")
      ->required();
  command->add_option("--out", options->out, "File to write: float32, (tokens, vocabulary), row by row")
      ->required();
  command->footer(
      "Example:\n  yoke logits models/demo.gguf --tokens 2044,318,262 --out logits.f32 --ranks 3");
  command->callback([options, &action] { action = [options] { return logits(*options); }; });
}

}  // namespace yoke::cli
