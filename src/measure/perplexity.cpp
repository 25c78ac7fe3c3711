#include "measure/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/error.h"

namespace yoke::measure {
namespace {

constexpr std::chrono::milliseconds patience{1000};  // between looks at whether the engine lives

/// ln p of the tokens of one window, as far as the engine has told them.
class WindowScores {
 public:
  explicit WindowScores(std::int32_t length) : values_(static_cast<std::size_t>(length), std::nan("")) {}

  void take(const runtime::LogProbabilitiesEvent& event) {
    const auto size = static_cast<std::int64_t>(values_.size());
    const auto count = static_cast<std::int64_t>(event.values.size());
    require(event.first_position >= 1 && event.first_position + count <= size,
            "the engine reported log-probabilities of the positions {} to {} of a window of {}",
            event.first_position, event.first_position + count - 1, size);
    std::copy(event.values.begin(), event.values.end(), values_.begin() + event.first_position);
  }

  /// Adds the tokens that count.
  void add_to(Perplexity& perplexity, const Windows& windows, std::uint64_t window) const {
    for (std::int32_t position = windows.first_scored(); position < windows.length(); ++position) {
      const double value = values_[static_cast<std::size_t>(position)];
      require(!std::isnan(value), "the model gave no number as the probability of token {} in window {}",
              position, window);
      perplexity.add(value);
    }
  }

 private:
  std::vector<double> values_;  // by position; NaN until told
};

/// ln p of a token by a row of logits, all of which are finite. Throws Error that names the place if not.
double log_probability(std::span<const float> logits, runtime::Token token, std::int32_t position,
                       std::uint64_t window) {
  const bool finite =
      std::all_of(logits.begin(), logits.end(), [](float logit) { return std::isfinite(logit); });
  require(finite, "the model gave no number as the probability of token {} in window {}", position, window);
  const double highest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return static_cast<double>(logits[static_cast<std::size_t>(token)]) - highest - std::log(sum);
}

/// Whole rows of logits, as they come: an engine computes requests in the order of their submission.
class RowStream {
 public:
  RowStream(const Windows& windows, std::int32_t vocabulary, const TakeRow& take_row)
      : windows_(windows), vocabulary_(static_cast<std::size_t>(vocabulary)), take_row_(take_row) {}

  void take(const runtime::LogitsEvent& event, Perplexity& perplexity) {
    const std::span<const float> logits = event.logits;
    require(logits.size() % vocabulary_ == 0, "the engine reported {} logits, which are no whole rows of {}",
            logits.size(), vocabulary_);
    for (std::size_t row = 0; row * vocabulary_ < logits.size(); ++row) {
      const std::int64_t position = event.first_position + static_cast<std::int64_t>(row);
      if (position + 1 == windows_.length()) continue;  // in the text nothing follows it
      expect(event.request, position);
      take_row(logits.subspan(row * vocabulary_, vocabulary_), perplexity);
    }
  }

  /// To be called where a window is said to be complete.
  void require_complete(std::uint64_t window) const {
    require(window < static_cast<std::uint64_t>(window_),
            "the engine ended window {} before token {} of window {}", window, position_, window_);
  }

 private:
  /// Throws Error unless the row follows the token in front of the one that is due.
  void expect(std::uint64_t window, std::int64_t position) const {
    require(
        window == static_cast<std::uint64_t>(window_) && position + 1 == position_,
        "the engine reported the logits of token {} in window {} where those of token {} in window {} were "
        "due",
        position + 1, window, position_, window_);
  }

  void take_row(std::span<const float> logits, Perplexity& perplexity) {
    if (position_ == windows_.first_scored()) tokens_ = windows_.tokens(window_);
    const runtime::Token target = tokens_[static_cast<std::size_t>(position_)];
    const double value = log_probability(logits, target, position_, static_cast<std::uint64_t>(window_));
    perplexity.add(value);
    take_row_({logits, target, value});
    if (++position_ < windows_.length()) return;
    position_ = windows_.first_scored();
    ++window_;
  }

  const Windows& windows_;
  std::size_t vocabulary_;
  const TakeRow& take_row_;
  std::int32_t window_ = 0;                          // the row that is due: of this window,
  std::int32_t position_ = windows_.first_scored();  // of the token at this position
  std::vector<runtime::Token> tokens_;               // of that window
};

/// The windows on their way through an engine. A request's id is the number of its window.
class Measurement {
 public:
  /// `take_row` may be empty: then whole rows are not asked for.
  Measurement(runtime::Engine& engine, const Windows& windows, const TakeRow& take_row)
      : engine_(engine), windows_(windows) {
    if (take_row) rows_.emplace(windows, engine.info().vocabulary, take_row);
    // As many as the engine can compute at once, and one that waits, so that the engine never does.
    const std::int32_t at_once = engine.info().context / windows.length() + 1;
    while (submitted_ < std::min(at_once, windows.count())) submit();
  }

  bool ended() const { return completed_ == windows_.count(); }
  std::int32_t completed() const { return completed_; }
  const Perplexity& perplexity() const { return perplexity_; }

  /// True if a window has been completed.
  bool take(const runtime::Event& event) {
    if (const auto* failed = std::get_if<runtime::FailedEvent>(&event)) throw Error(failed->sentence);
    if (const auto* scores = std::get_if<runtime::LogProbabilitiesEvent>(&event)) {
      scores_.at(scores->request).take(*scores);
    }
    if (const auto* logits = std::get_if<runtime::LogitsEvent>(&event))
      rows_.value().take(*logits, perplexity_);
    const auto* done = std::get_if<runtime::DoneEvent>(&event);
    if (done == nullptr) return false;
    complete(done->request);
    if (submitted_ < windows_.count()) submit();
    return true;
  }

 private:
  void submit() {
    runtime::Request request;
    request.id = static_cast<std::uint64_t>(submitted_);
    request.prompt = windows_.tokens(submitted_);
    request.report = rows_ ? runtime::PromptReport::logits : runtime::PromptReport::log_probabilities;
    request.report_from = windows_.first_scored() - 1;
    if (!rows_) scores_.emplace(request.id, windows_.length());
    engine_.submit(std::move(request));
    ++submitted_;
  }

  void complete(std::uint64_t window) {
    if (rows_) {
      rows_->require_complete(window);
    } else {
      scores_.at(window).add_to(perplexity_, windows_, window);
      scores_.erase(window);
    }
    ++completed_;
  }

  runtime::Engine& engine_;
  const Windows& windows_;
  std::optional<RowStream> rows_;                 // where whole rows are asked for;
  std::map<std::uint64_t, WindowScores> scores_;  // where not: of the windows in flight
  std::int32_t submitted_ = 0;
  std::int32_t completed_ = 0;
  Perplexity perplexity_;
};

}  // namespace

void Perplexity::add(double log_probability) {
  ++tokens_;
  sum_ -= log_probability;
  squares_ += log_probability * log_probability;
}

double Perplexity::value() const { return std::exp(sum_ / static_cast<double>(tokens_)); }

double Perplexity::standard_error() const {
  if (tokens_ < 2) return 0;
  const auto n = static_cast<double>(tokens_);
  const double mean = sum_ / n;
  const double variance = std::max(0.0, squares_ / n - mean * mean);
  return value() * std::sqrt(variance / (n - 1));
}

Perplexity measure_perplexity(runtime::Engine& engine, const Windows& windows,
                              const WindowProgress& progress) {
  return measure_perplexity(engine, windows, progress, {});
}

Perplexity measure_perplexity(runtime::Engine& engine, const Windows& windows, const WindowProgress& progress,
                              const TakeRow& take_row) {
  Measurement measurement(engine, windows, take_row);
  while (!measurement.ended()) {
    const std::optional<runtime::Event> event = engine.next(patience);
    if (event && measurement.take(*event)) progress(measurement.completed(), measurement.perplexity());
  }
  return measurement.perplexity();
}

}  // namespace yoke::measure
