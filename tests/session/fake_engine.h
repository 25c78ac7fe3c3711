// An engine without a model, for the tests of this folder.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "runtime/engine.h"

namespace yoke::session {

/// Answers each request with the next of its answers, token by token; then it is lost. As a real one, it ends
/// an answer at a stop token and at max_tokens, refuses token 13, and reports a cancelled request's end.
class FakeEngine final : public runtime::Engine {
 public:
  explicit FakeEngine(std::deque<std::vector<runtime::Token>> answers,
                      runtime::EngineInfo info = {2048, 512, 512})
      : answers_(std::move(answers)), info_(info) {}

  runtime::EngineInfo info() const override { return info_; }

  void submit(runtime::Request request) override {
    requests.push_back(std::move(request));
    written_ = 0;
    ended_ = false;
  }

  void cancel(std::uint64_t request) override {
    cancelled.push_back(request);
    if (!ended_) end(runtime::FinishReason::cancelled);
  }

  std::optional<runtime::Event> next(std::chrono::milliseconds) override {
    if (events_.empty()) advance();
    runtime::Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  std::vector<runtime::RankReport> reports() override { return {}; }
  std::vector<rates::Roofline> measure_rooflines() override { return {}; }

  std::vector<runtime::Request> requests;
  std::vector<std::uint64_t> cancelled;

 private:
  void advance() {
    require(!answers_.empty(), "rank 2 was lost");
    const runtime::Request& request = requests.back();
    if (request.prompt.back() == 13) {
      ended_ = true;
      events_.push_back(runtime::FailedEvent{request.id, "token 13 brings bad luck"});
      return;
    }
    const std::vector<runtime::Token>& answer = answers_.front();
    require(written_ < answer.size(), "rank 2 was lost");
    const runtime::Token token = answer[written_++];
    events_.push_back(runtime::TokenEvent{request.id, token});
    for (const runtime::Token stop : request.stop_tokens) {
      if (token == stop) return end(runtime::FinishReason::stop_token);
    }
    if (written_ == static_cast<std::size_t>(request.max_tokens)) end(runtime::FinishReason::length);
    if (request.prompt.size() + written_ > static_cast<std::size_t>(info_.context))
      end(runtime::FinishReason::context_full);
  }

  void end(runtime::FinishReason reason) {
    if (ended_) return;
    ended_ = true;
    answers_.pop_front();
    runtime::Statistics statistics;
    statistics.generated_tokens = static_cast<std::int32_t>(written_);
    events_.push_back(runtime::DoneEvent{requests.back().id, reason, statistics});
  }

  std::deque<std::vector<runtime::Token>> answers_;
  runtime::EngineInfo info_;
  std::deque<runtime::Event> events_;
  std::size_t written_ = 0;  // of the answer that is being given
  bool ended_ = true;
};

}  // namespace yoke::session
