#include "cli/sampling_flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/number_check.h"

namespace yoke::cli {
namespace {

constexpr std::int32_t default_tokens = 128;
constexpr std::int32_t most_tokens = std::numeric_limits<std::int32_t>::max();
constexpr float largest_temperature = 100;
constexpr float largest_penalty = 100;

/// A flag that may be given several times, once for each value. What `take` throws is the flag's fault.
template <class Take>
CLI::Option* add_list(CLI::App& command, const std::string& flag, const std::string& help, Take take) {
  const auto take_all = [flag, take](const std::vector<std::string>& values) {
    try {
      for (const std::string& value : values) take(value);
    } catch (const Error& error) {
      throw CLI::ValidationError(flag, error.what());
    }
  };
  return command.add_option_function<std::vector<std::string>>(flag, take_all, help)->allow_extra_args(false);
}

void add_penalty_flags(CLI::App& command, runtime::Sampling& sampling) {
  const auto add = [&command](const char* flag, auto& value, const CLI::Validator& check, const char* help) {
    add_number(command, flag, value, check, help)->default_str(fmt::format("{}", value));
  };
  add("--repeat-penalty", sampling.repetition_penalty, number_above_check(0, largest_penalty),
      "Divide the logits of recent tokens by this; 1 does nothing");
  add("--presence-penalty", sampling.presence_penalty, number_check(-largest_penalty, largest_penalty),
      "Subtract this from the logits of recent tokens");
  add("--frequency-penalty", sampling.frequency_penalty, number_check(-largest_penalty, largest_penalty),
      "The same for each time a token occurs");
  add("--repeat-last-n", sampling.penalty_window, whole_number_check(0, most_tokens),
      "Recent are the last N tokens, the prompt's included; 0: all");
}

}  // namespace

void add_sampling_flags(CLI::App& command, runtime::Sampling& sampling) {
  const auto before = command.get_options();
  const auto add = [&command](const char* flag, auto& value, const CLI::Validator& check, const char* help) {
    add_number(command, flag, value, check, help)->default_str(fmt::format("{}", value));
  };
  add("--temp", sampling.temperature, number_check(0, largest_temperature),
      "Temperature; 0 always takes the likeliest token");
  add("--seed", sampling.seed, seed_check(), "The same seed repeats a sampled text");
  add("--top-k", sampling.top_k, whole_number_check(0, most_tokens),
      "Sample among the K likeliest tokens; 0: all");
  add("--top-p", sampling.top_p, number_above_check(0, 1),
      "Sample among the likeliest that together have this probability");
  add("--min-p", sampling.min_p, number_below_check(0, 1),
      "Sample among those at least this many times as likely as the likeliest");
  add("--typical", sampling.typical_p, number_above_check(0, 1),
      "Locally typical sampling among those that have this probability");
  add_penalty_flags(command, sampling);
  add_list(command, "--logit-bias", "Add VALUE (or -inf) to the logit of TOKEN, an id; may be repeated",
           [&sampling](const std::string& text) {
             const runtime::TokenBias bias = parse_bias(text);
             for (const runtime::TokenBias& other : sampling.bias)
               require(other.token != bias.token, "token {} is given twice", bias.token);
             sampling.bias.push_back(bias);
           })
      ->type_name("TOKEN=VALUE");
  for (CLI::Option* option : command.get_options()) {
    if (std::find(before.begin(), before.end(), option) == before.end()) option->group("Sampling");
  }
}

void add_ending_flags(CLI::App& command, session::CompletionOptions& options) {
  options.max_tokens = default_tokens;
  const auto set_tokens = [&options](std::int32_t tokens) {
    options.max_tokens = tokens < 0 ? session::unlimited : tokens;
  };
  add_number_function<std::int32_t>(command, "-n,--n-predict", set_tokens,
                                    whole_number_check(-1, most_tokens),
                                    "Tokens to generate at most; -1: until the text or the context ends")
      ->default_str(std::to_string(default_tokens));
  add_list(command, "--stop", "End before this text (\\n: line feed, \\t: tab, \\\\: \\); may be repeated",
           [&options](const std::string& text) { options.stops.push_back(parse_stop(text)); })
      ->type_name("TEXT");
  command.add_flag("--ignore-eos", options.ignore_end,
                   "Never write the tokens with which the model ends a text");
}

void check_bias(const runtime::Sampling& sampling, std::int32_t vocabulary) {
  for (const runtime::TokenBias& bias : sampling.bias) {
    require(bias.token < vocabulary, "--logit-bias: there is no token {}; the vocabulary has ids 0 to {}",
            bias.token, vocabulary - 1);
  }
}

runtime::TokenBias parse_bias(std::string_view text) {
  const auto parse = [text](std::string_view part, auto& number) {
    const auto [rest, failed] = std::from_chars(part.data(), part.data() + part.size(), number);
    require(failed == std::errc() && rest == part.data() + part.size(),
            "'{}' is not TOKEN=VALUE, such as 11=-5 or 11=-inf", text);
  };
  const std::size_t equals = std::min(text.find('='), text.size());
  runtime::TokenBias bias;
  parse(text.substr(0, equals), bias.token);
  parse(text.substr(std::min(equals + 1, text.size())), bias.bias);
  require(bias.token >= 0, "'{}' names a negative token; ids begin at 0", text);
  require(bias.bias < std::numeric_limits<float>::infinity(),
          "'{}' has no value that can be added; expected a number or -inf", text);
  return bias;
}

std::string parse_stop(std::string_view text) {
  require(!text.empty(), "the text is empty; expected one that ends what the model writes");
  require(is_utf8(text), "the text is not UTF-8");
  std::string stop;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      stop += text[i];
      continue;
    }
    const std::string_view escape = text.substr(i++, 2);
    constexpr std::string_view known = "nt\\";
    const std::size_t which = escape.size() == 2 ? known.find(escape[1]) : std::string_view::npos;
    require(which != std::string_view::npos, "'{}' has an escape that is not known; known: \\n, \\t, \\\\",
            text);
    stop += "\n\t\\"[which];
  }
  return stop;
}

}  // namespace yoke::cli
