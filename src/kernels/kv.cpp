#include "kernels/kv.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/error.h"
#include "kernels/kv_layout.h"

namespace yoke::kernels {
namespace {

struct Name {
  KvType type;
  std::string_view name;
};
constexpr Name names[] = {{KvType::f16, "f16"}, {KvType::f32, "f32"}, {KvType::q8, "q8"}};

std::int64_t tile_bytes(KvType type, std::int64_t k_dim, std::int64_t v_dim) {
  if (type == KvType::q8) return q8_key_bytes(k_dim) + q8_value_bytes(v_dim);
  const std::int64_t element = type == KvType::f16 ? 2 : 4;
  return key_bytes(k_dim, element) + value_bytes(v_dim, element);
}

}  // namespace

std::string_view name_of(KvType type) {
  return std::find_if(std::begin(names), std::end(names), [type](const Name& n) { return n.type == type; })
      ->name;
}

KvType kv_type_named(std::string_view name) {
  std::string known;
  for (const Name& each : names) {
    if (each.name == name) return each.type;
    known.append(known.empty() ? "" : ", ").append(each.name);
  }
  fail("keys and values cannot be stored as '{}'; expected one of {}", name, known);
}

std::uint64_t kv_tile_bytes(KvType type, std::int64_t k_dim, std::int64_t v_dim) {
  // Head sizes that no file may have are cut down to ones whose bytes still fit 64 bits.
  constexpr std::int64_t most = std::int64_t{1} << 48;
  return static_cast<std::uint64_t>(tile_bytes(type, std::min(k_dim, most), std::min(v_dim, most)));
}

}  // namespace yoke::kernels
