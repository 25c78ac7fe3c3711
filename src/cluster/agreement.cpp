#include "cluster/agreement.h"

#include <cassert>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "comm/gather.h"

namespace yoke::cluster {

void fields(auto& archive, Is<MemoryClaim> auto& m) {
  archive(m.need.weights, m.need.kv, m.need.scratch, m.need.page, m.need.pages, m.free, m.limited_by, m.most);
}
void fields(auto& archive, Is<Findings> auto& m) { archive(m.error, m.model, m.memory); }

namespace {

std::vector<MemoryClaim> claims_of(std::span<const Findings> findings) {
  std::vector<MemoryClaim> claims;
  for (const Findings& one : findings) claims.push_back(one.memory);
  return claims;
}

std::string judge_errors(std::span<const Place> places, std::span<const Findings> findings) {
  for (std::size_t r = 0; r < findings.size(); ++r) {
    const std::string& error = findings[r].error;
    if (!error.empty()) return r == 0 ? error : attributed(places[r], error);
  }
  return {};
}

std::string judge_models(std::span<const Place> places, std::span<const Findings> findings) {
  for (std::size_t r = 1; r < findings.size(); ++r) {
    if (findings[r].model != findings[0].model)
      return fmt::format("{} has another model file than {}; expected copies of one file on every machine",
                         describe(places[r]), describe(places[0]));
  }
  return {};
}

}  // namespace

std::string judge_findings(std::span<const Place> places, std::span<const Findings> findings) {
  assert(places.size() == findings.size());
  if (std::string sentence = judge_errors(places, findings); !sentence.empty()) return sentence;
  if (std::string sentence = judge_models(places, findings); !sentence.empty()) return sentence;
  return judge_memory(places, claims_of(findings));
}

std::optional<std::int64_t> check_findings(comm::Comm& comm, std::span<const Place> places,
                                           const Findings& mine, std::int64_t contexts) {
  const std::vector<Findings> all = comm::gather(comm, mine);
  const std::string sentence = judge_findings(places, all);
  if (comm.rank() == 0) require(sentence.empty(), "{}", sentence);
  if (!sentence.empty()) return std::nullopt;
  return affordable_pages(places, claims_of(all), contexts);
}

}  // namespace yoke::cluster
