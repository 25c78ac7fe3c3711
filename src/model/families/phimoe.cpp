#include "model/families/phimoe.h"

#include <utility>

#include "model/decoder.h"
#include "model/layers/attention.h"
#include "model/layers/experts.h"
#include "model/layers/norm.h"

namespace yoke::model {
namespace {

/// Layer norms, biases in attention, and two experts that SparseMixer chooses.
struct Layer {
  LayerNorm attn_norm;
  QkvProjection qkv;
  Attention attention;
  LayerNorm ffn_norm;
  Experts experts;

  void add_tensors(TableBuilder& table, const Config& config, int index) {
    attn_norm.add_tensors(table, config, "attn_norm");
    qkv.add_tensors(table, config, index);
    attention.add_tensors(table, config, index);
    ffn_norm.add_tensors(table, config, "ffn_norm");
    experts.add_tensors(table, config, index);
    for (const char* bias : {"attn_norm.bias", "attn_output.bias", "ffn_norm.bias"}) table.must_have(bias);
  }

  void prepare(ops::Ops& ops, const Config& config, const Partition& partition, int index, int rank,
               const ops::CacheSize& caches) {
    attention.prepare(ops, config, partition, index, rank, caches);
  }

  ops::Activations operator()(ops::Ops& ops, const Config& config, const ops::Rope& rope,
                              ops::Activations x) {
    const Qkv projected = qkv(ops, attn_norm(ops, config, x));
    x = ops.add(x, attention(ops, rotated(ops, rope, projected, config.k_dim)));
    ops::RouteSpec route = config.experts.route(ops::RouteSpec::Probability::sparse_mixer, false);
    route.tolerance = 0.02f;  // twice the jitter that it was trained with
    return ops.add(x, experts(ops, ffn_norm(ops, config, x), route, ops::Gate::silu));
  }
};

}  // namespace

std::unique_ptr<Family> make_phimoe(Config config) {
  config.require_experts();
  return std::make_unique<Decoder<Layer, LayerNorm>>(
      std::move(config), Rotation(ops::RopeStyle::neox, Rotation::Factors::by_length));
}

}  // namespace yoke::model
