#include "hosts/host_speed.h"

#include <chrono>

#include "base/topology.h"
#include "kernels/kernels.h"
#include "quant/format.h"
#include "rates/decode_speed.h"
#include "rates/panel_walk.h"

namespace yoke::hosts {

namespace {

std::uint64_t seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

}  // namespace

HostSpeed speed_of_this_host(const SpeedQuestion& question, const SpeedBook& book) {
  const quant::Format* const format = quant::find_format(question.format);
  if (format == nullptr) return {};
  const Topology topology = read_topology();
  if (!rates::walk_bytes(topology.cache, read_memory().available, question.weights)) return {};
  SpeedKey key{
      read_host_name(), topology.processor, std::string(kernels::best().isa),
      question.format,  topology.cores,     question.threads > 0 ? question.threads : topology.cores};
  std::optional<KnownSpeed> known;
  if (!question.anew) known = book.find(key);
  if (!known) {
    const auto measured = rates::measure_decode_speed(format->type, question.weights, key.threads);
    if (!measured) return {};
    known = KnownSpeed{std::move(key), *measured, seconds_since_1970()};
    book.remember(*known);
  }
  return {known->bytes_per_second, known->key.format, known->key.threads, known->measured};
}

}  // namespace yoke::hosts
