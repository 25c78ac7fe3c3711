// Streams under a supervisor, for tests that kill what is behind it: eight requests at once, four greedy and
// four sampled, round after round until standard input ends. Tells on standard output, a line each, with
// seconds of the monotonic clock: "token SECONDS ROUND STREAM TOKEN", "done SECONDS ROUND STREAM", "failed …
// SENTENCE", "lost SECONDS SENTENCE", "back SECONDS CHANGE" (a start is over). It knows of yoke's commands
// those that its engines need.
#include <CLI/CLI.hpp>

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <variant>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/engine_flags.h"

namespace yoke {
namespace {

constexpr int streams = 8;
constexpr int greedy_streams = 4;

template <class... Args>
void tell(const char* kind, fmt::format_string<Args...> format, Args&&... args) {
  const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
  fmt::print("{} {:.4f} {}\n", kind, now.count(), fmt::format(format, std::forward<Args>(args)...));
  std::fflush(stdout);
}

runtime::Request request_of(int round, int stream, int tokens) {
  runtime::Request request;
  request.id = static_cast<std::uint64_t>(round * streams + stream);
  request.prompt = {1, 40 + stream, 300 + 7 * stream, 500};
  request.max_tokens = tokens;
  if (stream >= greedy_streams) {
    request.sampling.temperature = 0.9F;
    request.sampling.seed = static_cast<std::uint64_t>(stream);
  }
  return request;
}

/// What it means, and whether a stream has ended.
bool tell_event(const runtime::Event& event, int round) {
  const auto stream_of = [](std::uint64_t id) { return static_cast<int>(id % streams); };
  if (const auto* token = std::get_if<runtime::TokenEvent>(&event)) {
    tell("token", "{} {} {}", round, stream_of(token->request), token->token);
  } else if (const auto* done = std::get_if<runtime::DoneEvent>(&event)) {
    tell("done", "{} {}", round, stream_of(done->request));
    return true;
  } else if (const auto* failed = std::get_if<runtime::FailedEvent>(&event)) {
    tell("failed", "{} {} {}", round, stream_of(failed->request), failed->sentence);
    return true;
  }
  return false;
}

void run_round(runtime::Engine& engine, int round, int tokens) {
  for (int stream = 0; stream < streams; ++stream) engine.submit(request_of(round, stream, tokens));
  for (int left = streams; left > 0;)
    if (const auto event = engine.next(std::chrono::seconds(1))) left -= tell_event(*event, round) ? 1 : 0;
}

bool input_has_ended() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  std::array<char, 16> read_over{};
  return ::poll(&input, 1, 0) > 0 && ::read(STDIN_FILENO, read_over.data(), read_over.size()) == 0;
}

int run_streams(cli::EngineFlags flags, int tokens) {
  flags.engine.sequences = streams;
  const auto engine =
      cli::start_lasting_engine(flags, {[](const std::string& sentence) { tell("lost", "{}", sentence); },
                                        [](const std::string& change) { tell("back", "{}", change); }});
  int round = 0;
  do {
    run_round(*engine, round++, tokens);
  } while (!input_has_ended());
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app("Streams under a supervisor.", "streams");
  cli::Action action;
  cli::add_survey(app, action);
  cli::add_sweep(app, action);
  cli::add_engine(app, action);
  cli::EngineFlags flags;
  int tokens = 100;
  CLI::App* command = app.add_subcommand("run", "Run them");
  cli::add_engine_flags(*command, flags);
  command->add_option("-n", tokens, "Tokens of each");
  command->callback([&] { action = [&] { return run_streams(flags, tokens); }; });
  app.parse(argc, argv);
  return action();
}

}  // namespace
}  // namespace yoke

int main(int argc, char** argv) {
  try {
    return yoke::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "streams: {}\n", error.what());
    return 1;
  }
}
