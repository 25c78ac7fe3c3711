// What the handles of ops.h hold on a CPU.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ops/cpu/cpu_experts.h"
#include "ops/cpu/cpu_matrix.h"
#include "ops/cpu/cpu_weights.h"
#include "ops/cpu/operand.h"
#include "ops/cpu/routing.h"
#include "ops/ops.h"

namespace yoke::ops::cpu {

inline float* data(const Activations& x) { return static_cast<float*>(x.handle); }
inline float* row(const Activations& x, std::int64_t token) { return data(x) + token * x.width; }
/// Activations as they are, and those that a norm has prepared.
inline Operand operand(const Activations& x) { return {data(x), x.tokens, x.width}; }
inline Operand& operand(const Normed& x) { return *static_cast<Operand*>(x.prepared); }

inline const WeightMatrix& matrix(const std::unique_ptr<Storage>& storage) {
  return static_cast<const WeightMatrix&>(*storage);
}
inline const ExpertMatrices& expert_matrices(const std::unique_ptr<Storage>& storage) {
  return static_cast<const ExpertMatrices&>(*storage);
}
inline const RoutedTokens& routed_tokens(const Routing& routing) {
  return *static_cast<const RoutedTokens*>(routing.handle);
}
inline const std::vector<float>& values(const Vector& vector) {
  return static_cast<const FloatVector&>(*vector.storage).values;
}
/// Null where there is none.
inline const float* values_or_none(const Vector& vector) { return vector ? values(vector).data() : nullptr; }

}  // namespace yoke::ops::cpu
