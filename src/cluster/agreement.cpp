#include "cluster/agreement.h"

#include <cassert>
#include <exception>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace yoke::cluster {
namespace {

/// "--ctx 4096"; 0 is a flag that was not given.
std::string flag_text(std::string_view flag, std::int64_t value) {
  return value == 0 ? fmt::format("no {}", flag) : fmt::format("{} {}", flag, value);
}
std::string flag_text(std::string_view flag, const std::string& value) {
  return fmt::format("{} {}", flag, value);
}

}  // namespace

bool check_looks(comm::Comm& comm, std::span<const RankPlace> places, const std::function<void()>& look) {
  std::string mine;
  try {
    look();
  } catch (const std::exception& error) {
    mine = error.what();
  }
  std::string told;
  for (int root = 0; root < comm.size(); ++root) {
    ByteWriter writer;
    if (root == comm.rank()) writer(mine);
    std::vector<std::byte> message = writer.take();
    comm.broadcast(message, root);
    std::string found;
    ByteReader(message, "what a rank found")(found);
    if (told.empty() && !found.empty()) told = root == 0 ? found : attributed(places[root], found);
  }
  if (comm.rank() == 0) require(told.empty(), "{}", told);
  return told.empty();
}

std::string judge_terms(std::span<const RankPlace> places, std::span<const Terms> terms) {
  assert(places.size() == terms.size());
  const Terms& expected = terms.front();
  for (std::size_t r = 1; r < terms.size(); ++r) {
    const auto differ = [&](std::string_view flag, const auto& found, const auto& leader) {
      return fmt::format("{} was given {}, but {} {}; expected the same on every rank", describe(places[r]),
                         flag_text(flag, found), describe(places.front()), flag_text(flag, leader));
    };
    if (terms[r].model != expected.model) {
      return fmt::format("{} has another model file than {}; expected copies of one file on every machine",
                         describe(places[r]), describe(places.front()));
    }
    if (terms[r].context != expected.context) return differ("--ctx", terms[r].context, expected.context);
    if (terms[r].prefill_chunk != expected.prefill_chunk) {
      return differ("--prefill-chunk", terms[r].prefill_chunk, expected.prefill_chunk);
    }
    if (terms[r].kv_type != expected.kv_type) return differ("--kv-type", terms[r].kv_type, expected.kv_type);
    if (terms[r].activations != expected.activations)
      return differ("--activations", terms[r].activations, expected.activations);
  }
  return {};
}

bool check_terms(comm::Comm& comm, std::span<const RankPlace> places, const Terms& mine) {
  std::vector<Terms> all;
  for (int root = 0; root < comm.size(); ++root) {
    ByteWriter writer;
    if (root == comm.rank())
      writer(mine.model, mine.context, mine.prefill_chunk, mine.kv_type, mine.activations);
    std::vector<std::byte> message = writer.take();
    comm.broadcast(message, root);
    Terms& terms = all.emplace_back();
    ByteReader(message, "a rank's terms")(terms.model, terms.context, terms.prefill_chunk, terms.kv_type,
                                          terms.activations);
  }
  const std::string sentence = judge_terms(places, all);
  if (comm.rank() == 0) require(sentence.empty(), "{}", sentence);
  return sentence.empty();
}

}  // namespace yoke::cluster
