#include "runtime/request_account.h"

#include "base/seconds.h"

namespace yoke::runtime {
void RequestAccount::start(std::int32_t reused_tokens, Time now) {
  if (started_) return;
  started_ = now;
  statistics_.reused_tokens = reused_tokens;
}

void RequestAccount::charge(const comm::Traffic& share) {
  statistics_.reduced_bytes += share.bytes;
  statistics_.exchange_seconds += share.seconds;
  if (first_token_) statistics_.decode_exchange_seconds += share.seconds;
}

void RequestAccount::take_token(Time now) {
  if (!first_token_) first_token_ = now;
  ++statistics_.generated_tokens;
}

Statistics RequestAccount::statistics(Time now) const {
  const Time start = started_.value_or(now);
  const Time prompt_end = first_token_.value_or(now);
  Statistics statistics = statistics_;
  statistics.queue_seconds = seconds_between(submitted_, start);
  statistics.prompt_seconds = seconds_between(start, prompt_end);
  statistics.decode_seconds = seconds_between(prompt_end, now);
  return statistics;
}

}  // namespace yoke::runtime
