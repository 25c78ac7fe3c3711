#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/tables.h"

namespace yoke::kernels {
namespace {

/// What an environment variable says; nothing where it is not set or empty.
std::optional<std::string_view> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string names_that_run_here() {
  std::string names;
  for (const Kernels* table : available()) names += (names.empty() ? "" : ", ") + std::string(table->isa);
  return names;
}

/// `asked_by` says in an error where the name came from.
const Kernels& find(std::string_view isa, std::string_view asked_by) {
  for (const Candidate& candidate : candidates()) {
    if (candidate.table->isa != isa) continue;
    require(candidate.runs_here,
            "{} asks for the kernels \"{}\", but this machine lacks their instructions; it can run: {}",
            asked_by, isa, names_that_run_here());
    return *candidate.table;
  }
  fail("{} asks for the kernels \"{}\", which this build does not have; this machine can run: {}", asked_by,
       isa, names_that_run_here());
}

}  // namespace

Kernels::MatMul Kernels::matmul(quant::Type type) const {
  for (const MatMulOf& entry : matmuls) {
    if (entry.type == type) return entry.multiply;
  }
  return nullptr;
}

Kernels::PanelMultiply Kernels::panel_multiply(quant::Type type, Gemv way) const {
  for (const auto& list : {panel_multiplies, iq_panel_multiplies}) {
    for (const PanelMultiplyOf& entry : list) {
      if (entry.type == type) return entry.multiply[static_cast<std::size_t>(way)];
    }
  }
  return nullptr;
}

bool Kernels::has_gemvs(quant::Type type) const {
  const PanelMultiply usual = panel_multiply(type, gemvs.front());
  return std::any_of(gemvs.begin(), gemvs.end(),
                     [&](Gemv way) { return panel_multiply(type, way) != usual; });
}

const KvKernels& Kernels::kv(KvType type) const {
  return *std::find_if(kv_kernels.begin(), kv_kernels.end(),
                       [type](const KvKernels& entry) { return entry.type == type; });
}

std::span<const Kernels* const> available() {
  static const std::vector<const Kernels*> tables = [] {
    std::vector<const Kernels*> list;
    for (const Candidate& candidate : candidates()) {
      if (candidate.runs_here) list.push_back(candidate.table);
    }
    return list;
  }();
  return tables;
}

const Kernels& best() {
  const std::optional<std::string_view> name = variable("YOKE_ISA");
  return name ? find(*name, "the environment variable YOKE_ISA") : *available().front();
}

const Kernels& named(std::string_view isa) { return find(isa, "the caller"); }

std::string_view name_of(Gemv gemv) { return gemv == Gemv::plain ? "plain" : "ahead"; }

std::optional<Gemv> asked_gemv() {
  const std::optional<std::string_view> name = variable("YOKE_GEMV");
  if (!name) return std::nullopt;
  for (const Gemv gemv : gemvs) {
    if (*name == name_of(gemv)) return gemv;
  }
  fail(
      "the environment variable YOKE_GEMV asks for the way \"{}\" of multiplying one token; expected one of "
      "plain, ahead",
      *name);
}

}  // namespace yoke::kernels
