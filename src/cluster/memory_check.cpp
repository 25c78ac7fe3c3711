#include "cluster/memory_check.h"

#include <algorithm>
#include <cassert>
#include <variant>

#include "base/error.h"

namespace yoke::cluster {

namespace {

/// a + b, or the largest number if that is more: a lying file must not wrap the sum into something small.
std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a + b < a ? ~std::uint64_t{0} : a + b;
}

/// The ranks of one machine, their sum, and the tightest of their limits.
struct MachineClaim {
  std::vector<std::size_t> ranks;
  std::uint64_t bytes = 0;
  std::size_t tightest = 0;
};

MachineClaim claim_of_machine(const std::string& machine, std::span<const RankPlace> places,
                              std::span<const MemoryClaim> claims) {
  MachineClaim result;
  for (std::size_t r = 0; r < places.size(); ++r) {
    if (places[r].machine != machine) continue;
    if (result.ranks.empty() || claims[r].available < claims[result.tightest].available) result.tightest = r;
    result.ranks.push_back(r);
    result.bytes = saturating_add(result.bytes, claims[r].bytes);
  }
  return result;
}

std::string refusal(const MachineClaim& machine, std::span<const RankPlace> places,
                    std::span<const MemoryClaim> claims) {
  const MemoryClaim& tightest = claims[machine.tightest];
  const std::string& host = places[machine.ranks.front()].host;
  const auto largest = *std::max_element(machine.ranks.begin(), machine.ranks.end(),
                                         [&](auto a, auto b) { return claims[a].bytes < claims[b].bytes; });
  std::string sum;
  for (const std::size_t r : machine.ranks) sum += (sum.empty() ? "" : " + ") + format_bytes(claims[r].bytes);
  if (machine.ranks.size() > 1) sum += " = " + format_bytes(machine.bytes);
  const std::string who = machine.ranks.size() == 1
                              ? fmt::format("{} needs", describe(places[machine.ranks.front()]))
                              : fmt::format("{} ranks on {} need", machine.ranks.size(), host);
  return fmt::format("the model does not fit: {} {} (rank {}: {}), but only {} are available there ({})", who,
                     sum, claims[largest].rank, claims[largest].breakdown, format_bytes(tightest.available),
                     tightest.limited_by);
}

}  // namespace

std::string judge_memory(std::span<const RankPlace> places, std::span<const MemoryClaim> claims) {
  assert(places.size() == claims.size());
  for (const RankPlace& place : places) {
    const MachineClaim machine = claim_of_machine(place.machine, places, claims);
    if (machine.bytes > claims[machine.tightest].available) return refusal(machine, places, claims);
  }
  return {};
}

bool check_memory(comm::Comm& comm, std::span<const RankPlace> places, const MemoryNeed& mine,
                  const Memory& memory) {
  std::vector<MemoryClaim> claims;
  for (int root = 0; root < comm.size(); ++root) {
    std::vector<std::byte> message;
    if (root == comm.rank())
      message = encode(MemoryClaim{root, mine.bytes, mine.breakdown, memory.available, memory.limited_by});
    comm.broadcast(message, root);
    FrameReader reader;
    reader.feed(message);
    claims.push_back(std::get<MemoryClaim>(reader.next().value()));
  }
  const std::string sentence = judge_memory(places, claims);
  if (comm.rank() == 0) require(sentence.empty(), "{}", sentence);
  return sentence.empty();
}

}  // namespace yoke::cluster
