// yoke survey: not for people. What a host tells of itself through ssh before it takes part in a run.
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/model_file.h"
#include "hosts/abandoned_runs.h"
#include "hosts/run_folder.h"
#include "hosts/run_processes.h"
#include "hosts/survey.h"
#include "hosts/transfer_server.h"
#include "shards/replica.h"

namespace yoke::cli {
namespace {

struct SurveyOptions {
  hosts::SurveyQuestions questions;
  std::string run;
  std::vector<std::string> after;
  std::string stopped;
  std::string end;
  std::string serve;
};

/// The key stands on a line of its own; what follows it is left for whoever reads on.
std::string read_key_line() {
  std::string line(hosts::key_digits + 1, '\0');
  std::size_t held = 0;
  while (held < line.size()) {
    const ssize_t n = ::read(STDIN_FILENO, line.data() + held, line.size() - held);
    if (n <= 0 && errno == EINTR) continue;
    if (n <= 0) break;
    held += static_cast<std::size_t>(n);
  }
  require(held == line.size() && line.back() == '\n',
          "expected {} hexadecimal digits of a key and a newline on standard input", hosts::key_digits);
  line.pop_back();
  return line;
}

// The kernel takes a while to free the memory of a process that it has ended.
constexpr std::chrono::milliseconds end_patience{3000};

/// What this machine keeps of a model whose file it has not.
void add_kept_parts(hosts::ModelState& model, const std::string& cache_dir) {
  if (!model.absent) return;
  const std::filesystem::path folder = cache_dir.empty() ? shards_folder() : std::filesystem::path(cache_dir);
  if (folder.empty()) return;
  const auto replica = shards::Replica::find(folder, model.path);
  if (!replica) return;
  model.kept = replica->parts();
  model.kept_of = replica->key().ranks;
}

int survey(const SurveyOptions& options) {
  if (!options.end.empty()) {
    hosts::kill_processes_of_run(options.end);
    hosts::remove_run_folder(options.end);
    return 0;
  }
  if (!options.stopped.empty()) {
    for (const hosts::StoppedProcess& process : hosts::stopped_processes(options.stopped))
      fmt::print("{} {}\n", process.pid, process.program);
    return 0;
  }
  if (!options.serve.empty()) {
    hosts::serve_transfers(options.serve, read_key_line());
    return 0;
  }
  for (const std::string& before : options.after) {
    hosts::end_processes_of_run(before, end_patience);
    hosts::remove_run_folder(before);
  }
  if (!options.run.empty()) {
    hosts::remove_abandoned_runs();
    hosts::make_run_folder(options.run, read_key_line());
  }
  hosts::Survey survey = hosts::take_survey(options.questions);
  add_kept_parts(survey.model, options.questions.cache_dir);
  fmt::print("{}", hosts::write_survey(survey));
  return 0;
}

}  // namespace

void add_survey(CLI::App& app, Action& action) {
  auto options = std::make_shared<SurveyOptions>();
  CLI::App* command = app.add_subcommand("survey", "Tell what this machine is; asked by the other commands");
  command->group("");  // not shown
  command->add_option("--model", options->questions.model, "GGUF file to look at");
  command->add_option("--cache-dir", options->questions.cache_dir, "Folder for packed weights to look at");
  hosts::SpeedQuestion& speed = options->questions.speed;
  command->add_option("--speed-of", speed.format, "Format of the weights whose speed is asked for");
  command->add_option("--weights-bytes", speed.weights, "Bytes of all weights");
  command->add_option("--speed-threads", speed.threads, "Threads of all ranks here");
  command->add_flag("--speed-anew", speed.anew, "Measure even what is known");
  command->add_option("--run", options->run, "Make this run's folder, with the key from standard input");
  command->add_option("--after", options->after, "First end what is left of that run")
      ->allow_extra_args(false);
  command->add_option("--stopped", options->stopped,
                      "Tell which processes of that run are stopped, and do nothing else");
  command->add_option("--end", options->end,
                      "Kill what runs of that run, remove its folder, and do nothing else");
  command->add_option("--serve-transfers", options->serve,
                      "Measure transfers to and from this address, as standard input says behind a key");
  command->callback([options, &action] { action = [options] { return survey(*options); }; });
}

}  // namespace yoke::cli
