// The forward of the families without experts once more, as the papers write it: plain loops in double
// precision over one sequence, sharing nothing with ops, kernels or the model's own forward. RMSNorm:
// https://arxiv.org/abs/1910.07467; rotary embedding: https://arxiv.org/abs/2104.09864; grouped heads:
// https://arxiv.org/abs/2305.13245; SwiGLU: https://arxiv.org/abs/2002.05202.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gguf/reader.h"
#include "quant/format.h"

namespace yoke::model {

class ReferenceForward {
 public:
  /// Where the forward rounds.
  struct Rounding {
    /// What a cache keeps of each value of a key or value.
    std::function<double(double)> kept = [](double value) { return value; };
    /// Whether what is multiplied with quantised weights is rounded to 255 steps in every 32 values.
    bool activations = false;
  };
  explicit ReferenceForward(const gguf::Model& file) : ReferenceForward(file, Rounding()) {}
  ReferenceForward(const gguf::Model& file, Rounding rounding)
      : metadata_(file.metadata()), rounding_(std::move(rounding)) {
    for (const gguf::TensorInfo& info : file.tensors()) {
      std::vector<float> values(static_cast<std::size_t>(info.values()));
      quant::format(info.type).dequantize(file.read(info), values);
      tensors_[info.name].assign(values.begin(), values.end());
      if (quant::format(info.type).block_values > 1) quantised_.insert(info.name);
    }
    dim_ = integer("embedding_length", 0);
    k_dim_ = integer("attention.key_length", 0);
    v_dim_ = integer("attention.value_length", 0);
  }

  /// Logits after each token of the sequence, (tokens, vocabulary).
  std::vector<float> logits(const std::vector<std::int32_t>& tokens) const {
    const std::size_t n_layers = integer("block_count", 0);
    const std::string output = tensors_.contains("output.weight") ? "output" : "token_embd";
    const Values& embedding = tensors_.at("token_embd.weight");
    std::vector<std::vector<Values>> keys(n_layers), values(n_layers);  // of each layer and position
    std::vector<float> result;
    for (std::size_t position = 0; position < tokens.size(); ++position) {
      const auto row = embedding.begin() + static_cast<std::ptrdiff_t>(dim_) * tokens[position];
      Values x(row, row + static_cast<std::ptrdiff_t>(dim_));
      for (std::size_t i = 0; i < n_layers; ++i) {
        const std::string layer = fmt::format("blk.{}.", i);
        const Values a = rms_norm(x, layer + "attn_norm");
        keys[i].push_back(
            cached(rope(head_norm(linear(layer + "attn_k", a), layer + "attn_k_norm"), position)));
        values[i].push_back(cached(linear(layer + "attn_v", a)));
        const Values q = rope(head_norm(linear(layer + "attn_q", a), layer + "attn_q_norm"), position);
        add(x, linear(layer + "attn_output", attend(i, q, keys[i], values[i])));
        const Values f = rms_norm(x, layer + "ffn_norm");
        add(x,
            linear(layer + "ffn_down", swiglu(linear(layer + "ffn_gate", f), linear(layer + "ffn_up", f))));
      }
      const Values y = linear(output, rms_norm(x, "output_norm"));
      result.insert(result.end(), y.begin(), y.end());
    }
    return result;
  }

 private:
  using Values = std::vector<double>;

  std::string key(const std::string& name) const {
    return metadata_.string("general.architecture") + "." + name;
  }
  /// A hyper-parameter, which may be one for all layers or one for each.
  std::size_t integer(const std::string& name, std::size_t layer) const {
    const gguf::Value* value = metadata_.find(key(name));
    if (value == nullptr) throw std::logic_error("the reference wants " + key(name));
    const auto* each = std::get_if<std::vector<std::uint64_t>>(value);
    return each != nullptr ? each->at(layer) : std::get<std::uint64_t>(*value);
  }
  double number(const std::string& name, double otherwise) const {
    return metadata_.number_or(key(name), otherwise);
  }

  Values cached(Values x) const {
    std::transform(x.begin(), x.end(), x.begin(), rounding_.kept);
    return x;
  }

  /// W·x, plus the bias where there is one.
  Values linear(const std::string& name, Values x) const {
    const Values& w = tensors_.at(name + ".weight");
    if (rounding_.activations && quantised_.contains(name + ".weight")) round_to_steps(x);
    const auto bias = tensors_.find(name + ".bias");
    Values y = bias != tensors_.end() ? bias->second : Values(w.size() / x.size());
    for (std::size_t i = 0; i < w.size(); ++i) y[i / x.size()] += w[i] * x[i % x.size()];
    return y;
  }

  static void round_to_steps(Values& x) {
    for (std::size_t first = 0; first < x.size(); first += 32) {
      double most = 0;
      for (std::size_t i = first; i < first + 32; ++i) most = std::max(most, std::abs(x[i]));
      const double step = most / 127;
      for (std::size_t i = first; i < first + 32 && step > 0; ++i) x[i] = step * std::nearbyint(x[i] / step);
    }
  }

  Values rms_norm(Values x, const std::string& name) const {
    double mean = 0;
    for (const double value : x) mean += value * value / static_cast<double>(x.size());
    const double rms = std::sqrt(mean + number("attention.layer_norm_rms_epsilon", 1e-5));
    const Values& weight = tensors_.at(name + ".weight");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= weight[i] / rms;
    return x;
  }

  /// The norm of each head of x, where the file has one.
  Values head_norm(Values x, const std::string& name) const {
    if (!tensors_.contains(name + ".weight")) return x;
    for (auto head = x.begin(); head != x.end(); head += static_cast<std::ptrdiff_t>(k_dim_)) {
      const Values normed = rms_norm({head, head + static_cast<std::ptrdiff_t>(k_dim_)}, name);
      std::copy(normed.begin(), normed.end(), head);
    }
    return x;
  }

  /// Turns the pairs among the first `rope.dimension_count` values of each head, which are (2i, 2i + 1) for
  /// llama and (i, i + half of them) for others; factors of the file and linear scaling slow the turning
  /// down.
  Values rope(Values x, std::size_t position) const {
    const std::string scaling = metadata_.string_or(key("rope.scaling.type"), "none");
    if (scaling != "none" && scaling != "linear") throw std::logic_error("the reference knows no " + scaling);
    const double stretch = scaling == "linear" ? number("rope.scaling.factor", 1) : 1;
    const auto factors = tensors_.find("rope_freqs.weight");
    const std::size_t dims = integer("rope.dimension_count", 0);
    const bool adjacent = metadata_.string("general.architecture") == "llama";
    for (std::size_t head = 0; head < x.size(); head += k_dim_) {
      for (std::size_t pair = 0; pair < dims / 2; ++pair) {
        const double exponent = -2 * static_cast<double>(pair) / static_cast<double>(dims);
        const double factor = factors == tensors_.end() ? 1 : factors->second[pair];
        const double angle = static_cast<double>(position) / stretch / factor *
                             std::pow(number("rope.freq_base", 10000), exponent);
        double& a = x[head + (adjacent ? 2 * pair : pair)];
        double& b = x[head + (adjacent ? 2 * pair + 1 : pair + dims / 2)];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
    }
    return x;
  }

  /// Softmax attention of the last position's queries over all positions so far.
  Values attend(std::size_t layer, const Values& q, const std::vector<Values>& keys,
                const std::vector<Values>& values) const {
    const std::size_t n_heads = integer("attention.head_count", layer);
    const std::size_t group = n_heads / integer("attention.head_count_kv", layer);
    Values out(n_heads * v_dim_);
    for (std::size_t head = 0; head < n_heads; ++head) {
      Values weights(keys.size());
      double sum = 0;
      for (std::size_t p = 0; p < keys.size(); ++p) {
        double score = 0;
        for (std::size_t d = 0; d < k_dim_; ++d)
          score += q[head * k_dim_ + d] * keys[p][head / group * k_dim_ + d];
        sum += weights[p] = std::exp(score / std::sqrt(static_cast<double>(k_dim_)));
      }
      for (std::size_t p = 0; p < keys.size(); ++p) {
        for (std::size_t d = 0; d < v_dim_; ++d)
          out[head * v_dim_ + d] += weights[p] / sum * values[p][head / group * v_dim_ + d];
      }
    }
    return out;
  }

  static Values swiglu(Values gate, const Values& up) {
    for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
    return gate;
  }
  static void add(Values& x, const Values& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  gguf::Metadata metadata_;
  Rounding rounding_;
  std::set<std::string> quantised_;
  std::map<std::string, Values> tensors_;
  std::size_t dim_ = 0;
  std::size_t k_dim_ = 0;
  std::size_t v_dim_ = 0;
};

}  // namespace yoke::model
