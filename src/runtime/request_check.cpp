#include "runtime/request_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace yoke::runtime {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

void check_given(const std::vector<Stretch>& given, std::int32_t prompt) {
  std::int32_t before = -1;  // the end of the one before
  for (const Stretch& each : given) {
    require(
        each.first > before && each.first < each.end && each.end <= prompt,
        "positions {} to {} of {} are said to have been given at once; expected some of them, after position "
        "{}",
        each.first, each.end - 1, prompt, before);
    before = each.end;
  }
}

void check_tokens(const Request& request, std::int32_t vocabulary, std::int32_t context) {
  const std::size_t prompt = request.prompt.size();
  require(prompt > 0, "the prompt is empty; expected at least one token");
  require(prompt <= static_cast<std::size_t>(context), "the prompt has {} tokens, but the context holds {}",
          prompt, context);
  for (const Token token : request.prompt) {
    require(token >= 0 && token < vocabulary, "token {} is out of range; the vocabulary has ids 0 to {}",
            token, vocabulary - 1);
  }
  require(request.max_tokens >= 0, "{} tokens were asked for; expected 0 or more", request.max_tokens);
  require(request.report == PromptReport::nothing || request.max_tokens == 0,
          "a report on the prompt was asked for together with {} tokens to generate; expected 0",
          request.max_tokens);
  require(request.report_from >= 0, "a report from position {} on was asked for; expected 0 or more",
          request.report_from);
  check_given(request.given, static_cast<std::int32_t>(prompt));
  require(request.vocabulary_limit >= 0 && request.vocabulary_limit <= vocabulary,
          "ids below {} were asked for; the vocabulary has {}", request.vocabulary_limit, vocabulary);
  require(request.log_probabilities >= -1 && request.log_probabilities <= most_log_probabilities,
          "the log-probabilities of {} alternatives were asked for with each token; expected 0 to {}, or -1 "
          "for none at all",
          request.log_probabilities, most_log_probabilities);
  require(request.deadline_milliseconds >= 0, "a deadline of {} ms was asked for; expected 0 (none) or more",
          request.deadline_milliseconds);
}

void check_narrowing(const Sampling& sampling) {
  require(sampling.temperature >= 0 && sampling.temperature < infinity,
          "the temperature is {}; expected 0 or a positive number", sampling.temperature);
  require(sampling.top_k >= 0, "top_k is {}; expected 0 (all) or a positive number", sampling.top_k);
  require(sampling.top_p > 0 && sampling.top_p <= 1, "top_p is {}; expected more than 0 and at most 1",
          sampling.top_p);
  require(sampling.min_p >= 0 && sampling.min_p < 1, "min_p is {}; expected at least 0 and less than 1",
          sampling.min_p);
  require(sampling.typical_p > 0 && sampling.typical_p <= 1,
          "typical_p is {}; expected more than 0 and at most 1", sampling.typical_p);
}

void check_penalties(const Sampling& sampling) {
  require(sampling.repetition_penalty > 0 && sampling.repetition_penalty < infinity,
          "the repetition penalty is {}; expected a positive number", sampling.repetition_penalty);
  require(std::isfinite(sampling.presence_penalty), "the presence penalty is {}; expected a finite number",
          sampling.presence_penalty);
  require(std::isfinite(sampling.frequency_penalty), "the frequency penalty is {}; expected a finite number",
          sampling.frequency_penalty);
  require(sampling.penalty_window >= 0,
          "the penalties' window is {} tokens; expected 0 (the whole sequence) or a positive number",
          sampling.penalty_window);
}

void check_bias(const std::vector<TokenBias>& bias, std::int32_t vocabulary, std::int32_t limit) {
  std::vector<Token> tokens;
  std::int32_t forbidden = 0;
  for (const TokenBias& b : bias) {
    require(b.token >= 0 && b.token < vocabulary,
            "the bias of token {} is out of range; the vocabulary has ids 0 to {}", b.token, vocabulary - 1);
    require(b.bias < infinity, "the bias of token {} is {}; expected a finite number, or -inf to forbid it",
            b.token, b.bias);
    tokens.push_back(b.token);
    if (std::isinf(b.bias) && b.token < limit) ++forbidden;
  }
  std::sort(tokens.begin(), tokens.end());
  const auto twice = std::adjacent_find(tokens.begin(), tokens.end());
  require(twice == tokens.end(), "the bias of token {} is given twice; expected once",
          twice == tokens.end() ? 0 : *twice);
  require(forbidden < limit, "the bias forbids all of the {} tokens that may be sampled", limit);
}

}  // namespace

std::optional<std::string> refusal(const Request& request, std::int32_t vocabulary, std::int32_t context) {
  try {
    check_tokens(request, vocabulary, context);
    check_narrowing(request.sampling);
    check_penalties(request.sampling);
    check_bias(request.sampling.bias, vocabulary,
               request.vocabulary_limit == 0 ? vocabulary : request.vocabulary_limit);
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

std::optional<FinishReason> end_of(const Request& request, std::size_t prompt, std::size_t generated,
                                   Token last, std::int32_t context) {
  const auto& stops = request.stop_tokens;
  if (std::find(stops.begin(), stops.end(), last) != stops.end()) return FinishReason::stop_token;
  if (generated >= static_cast<std::size_t>(request.max_tokens)) return FinishReason::length;
  // The new token has no position left to be computed at.
  if (prompt + generated > static_cast<std::size_t>(context)) return FinishReason::context_full;
  return std::nullopt;
}

FailedEvent twice_in_flight(std::uint64_t request) {
  return {request,
          fmt::format("a request with the id {} is in flight; expected another id for this one", request)};
}

}  // namespace yoke::runtime
