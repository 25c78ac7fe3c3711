#include "session/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/error.h"

namespace yoke::session {
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

/// The windows on their way through an engine. A request's id is the number of its window.
class Measurement {
 public:
  Measurement(runtime::Engine& engine, const Windows& windows) : engine_(engine), windows_(windows) {
    // As many as the engine can compute at once, and one that waits, so that the engine never does.
    const std::int32_t at_once = engine.info().context / windows.length() + 1;
    while (submitted_ < std::min(at_once, windows.count())) submit();
  }

  bool ended() const { return completed_ == windows_.count(); }
  std::int32_t completed() const { return completed_; }
  const Perplexity& perplexity() const { return perplexity_; }

  /// True if a window has been completed.
  bool take(const runtime::Event& event) {
    if (const auto* refused = std::get_if<runtime::RefusedEvent>(&event)) throw Error(refused->sentence);
    if (const auto* scores = std::get_if<runtime::LogProbabilitiesEvent>(&event)) {
      scores_.at(scores->request).take(*scores);
    }
    const auto* done = std::get_if<runtime::DoneEvent>(&event);
    if (done == nullptr) return false;
    scores_.at(done->request).add_to(perplexity_, windows_, done->request);
    scores_.erase(done->request);
    ++completed_;
    if (submitted_ < windows_.count()) submit();
    return true;
  }

 private:
  void submit() {
    runtime::Request request;
    request.id = static_cast<std::uint64_t>(submitted_);
    request.prompt = windows_.tokens(submitted_);
    request.report = runtime::PromptReport::log_probabilities;
    scores_.emplace(request.id, windows_.length());
    engine_.submit(std::move(request));
    ++submitted_;
  }

  runtime::Engine& engine_;
  const Windows& windows_;
  std::map<std::uint64_t, WindowScores> scores_;  // of the windows in flight
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
                              const std::function<void(std::int32_t, const Perplexity&)>& progress) {
  Measurement measurement(engine, windows);
  while (!measurement.ended()) {
    const std::optional<runtime::Event> event = engine.next(patience);
    if (event && measurement.take(*event)) progress(measurement.completed(), measurement.perplexity());
  }
  return measurement.perplexity();
}

}  // namespace yoke::session
