// The engine's structs as bytes; see base/bytes.h.
#pragma once

#include "base/bytes.h"
#include "kernels/kv.h"
#include "kernels/panels.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "runtime/place.h"

namespace yoke::rates {

void fields(auto& archive, Is<Roofline> auto& m) {
  archive(m.stream_passes, m.no_stream, m.int8_passes, m.f32_passes);
}

}  // namespace yoke::rates

namespace yoke::kernels {

constexpr KvType last_enumerator(KvType) { return KvType::q8; }
constexpr ActivationType last_enumerator(ActivationType) { return ActivationType::f32; }

}  // namespace yoke::kernels

namespace yoke::runtime {

constexpr FinishReason last_enumerator(FinishReason) { return FinishReason::deadline; }
constexpr Overlap last_enumerator(Overlap) { return Overlap::on; }
constexpr PromptReport last_enumerator(PromptReport) { return PromptReport::logits; }

void fields(auto& archive, Is<TokenBias> auto& m) { archive(m.token, m.bias); }
void fields(auto& archive, Is<Sampling> auto& m) {
  archive(m.temperature, m.seed, m.top_k, m.top_p, m.min_p, m.typical_p, m.repetition_penalty,
          m.presence_penalty, m.frequency_penalty, m.penalty_window, m.bias);
}
void fields(auto& archive, Is<Stretch> auto& m) { archive(m.first, m.end); }
void fields(auto& archive, Is<Request> auto& m) {
  archive(m.id, m.prompt, m.max_tokens, m.sampling, m.stop_tokens, m.report, m.report_from,
          m.vocabulary_limit, m.salt, m.given, m.log_probabilities, m.deadline_milliseconds);
}
void fields(auto& archive, Is<Statistics> auto& m) {
  archive(m.prompt_tokens, m.reused_tokens, m.generated_tokens, m.queue_seconds, m.prompt_seconds,
          m.decode_seconds, m.reduced_bytes, m.exchange_seconds, m.decode_exchange_seconds);
}
void fields(auto& archive, Is<TokenLogProbability> auto& m) { archive(m.token, m.value); }
void fields(auto& archive, Is<TokenEvent> auto& m) {
  archive(m.request, m.token, m.log_probability, m.likeliest);
}
void fields(auto& archive, Is<LogitsEvent> auto& m) { archive(m.request, m.first_position, m.logits); }
void fields(auto& archive, Is<LogProbabilitiesEvent> auto& m) {
  archive(m.request, m.first_position, m.values);
}
void fields(auto& archive, Is<DoneEvent> auto& m) { archive(m.request, m.reason, m.statistics); }
void fields(auto& archive, Is<FailedEvent> auto& m) { archive(m.request, m.sentence); }
void fields(auto& archive, Is<TimeSplit> auto& m) {
  archive(m.products, m.attention, m.other, m.exchange, m.waiting, m.leading, m.measuring, m.idle);
}
void fields(auto& archive, Is<RankReport> auto& m) {
  archive(m.rank, m.host, m.pid, m.threads, m.pinned, m.isa, m.weight_bytes, m.kv_bytes, m.share,
          m.load_seconds, m.peak_bytes, m.time, m.exchange_seconds, m.reduced_bytes, m.fetched_bytes,
          m.cache_read_bytes, m.cache_written_bytes, m.cache_write_seconds, m.notices);
}
void fields(auto& archive, Is<EngineInfo> auto& m) { archive(m.vocabulary, m.context, m.trained_context); }

void fields(auto& archive, Is<Place> auto& m) {
  archive(m.rank, m.host, m.machine, m.network, m.pid, m.cores, m.cpus, m.threads);
}
void fields(auto& archive, Is<EngineOptions> auto& m) {
  archive(m.context, m.prefill_chunk, m.sequences, m.pages, m.kv_type, m.activations, m.tries_kernels,
          m.overlap, m.wire, m.collectives, m.shares, m.replicate);
}
void fields(auto& archive, Is<HostOptions> auto& m) {
  archive(m.model, m.threads, m.cache_dir, m.cache_bytes, m.memory);
}

}  // namespace yoke::runtime
