#include "cli/network_flags.h"

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/usage.h"
#include "cluster/collectives.h"
#include "comm/algorithm_choice.h"

namespace yoke::cli {
namespace {

/// A flag whose values are words.
template <class Value>
void add_words(CLI::App& command, const std::string& flag, const std::string& type, Value& value,
               std::vector<std::pair<std::string, Value>> words, const std::string& help) {
  std::vector<std::string> choices;
  for (const auto& [word, meaning] : words) choices.push_back(word);
  const auto parse = [&value, words = std::move(words)](const std::string& given) {
    for (const auto& [word, meaning] : words) {
      if (word == given) value = meaning;
    }
  };
  command.add_option_function<std::string>(flag, parse, help)->type_name(type)->check(choice_check(choices));
}

std::string check_collectives(const std::string& given) {
  try {
    if (given != cluster::measure_anew) comm::AlgorithmChoice::parse(given);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

void add_network_flags(CLI::App& command, runtime::EngineOptions& engine) {
  add_words<comm::Wire>(
      command, "--wire", "TYPE", engine.wire, {{"f32", comm::Wire::f32}, {"bf16", comm::Wire::bf16}},
      "How activations that ranks add up travel: f32, exact (default); bf16, rounded, half the bytes");
  using runtime::Overlap;
  add_words<Overlap>(
      command, "--overlap", "WHEN", engine.overlap,
      {{"auto", Overlap::automatic}, {"on", Overlap::on}, {"off", Overlap::off}},
      "Compute one half of a long prompt while sums of the other travel: on, off, or auto, where ranks "
      "run on several machines (default)");
  command
      .add_option("--collectives", engine.collectives,
                  "How ranks add up: direct, pieces, doubling, or for long vectors another way, as in "
                  "direct,pieces:32769; measure: as their network does it best, even where that is known "
                  "(default: measured once where ranks run on several machines)")
      ->type_name("HOW")
      ->check(check_collectives);
}

}  // namespace yoke::cli
