// A model's hyper-parameters, read from GGUF metadata and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gguf/reader.h"
#include "model/rope_config.h"
#include "ops/ops.h"

namespace yoke::model {

/// What may differ from layer to layer.
struct LayerConfig {
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;  // divides n_heads
  std::int64_t ffn_dim = 0;     // of a dense layer, which has no experts
  std::int64_t n_experts = 0;   // 0 in a dense layer
  std::int64_t window = 0;      // positions that a token sees, itself included; 0: all so far
  bool recurrent = false;       // has a gated delta rule in the place of attention

  std::int64_t group() const { return n_heads / n_kv_heads; }
};

/// Latent attention: keys and values of all heads are made of one latent for each position. DeepSeek-AI,
/// https://arxiv.org/abs/2405.04434, section 2.1.
struct LatentConfig {
  /// Positions: whole pages, and for the usual dimensions about as many as make the expanded form less work.
  static constexpr std::int64_t cell = 192;

  std::int64_t kv_rank = 0;  // values of a latent; 0: attention is of another kind
  std::int64_t q_rank = 0;   // of what queries are made of; 0: they are made like others
  /// Whether the file has one tensor, `attn_kv_b`, of what makes keys and values.
  bool joined = false;
};

/// The gated delta rule of recurrent layers. Yang et al., https://arxiv.org/abs/2412.06464.
struct DeltaConfig {
  std::int64_t k_heads = 0;  // 0: no layer is recurrent
  std::int64_t group = 1;    // value heads for each key head
  std::int64_t k_dim = 0;    // of a query or key head
  std::int64_t v_dim = 0;    // of a value head
  std::int64_t taps = 0;     // of the convolution in front, the token's own included
  /// Whether the file has one tensor, `ssm_in`, of what makes queries, keys, values and gates.
  bool joined = false;
};

/// The experts of the layers that have some.
struct ExpertConfig {
  std::int64_t used = 0;        // by each token
  std::int64_t ffn_dim = 0;     // of one expert
  std::int64_t shared_dim = 0;  // of those that every token goes to, together; 0: there are none
  // Where the file does not say, it is the family's.
  std::optional<ops::RouteSpec::Probability> probability;
  std::optional<bool> normalised;
  float scale = 1;
  std::int64_t groups = 1;
  std::int64_t groups_used = 1;

  /// How a router chooses, with the family's defaults.
  ops::RouteSpec route(ops::RouteSpec::Probability default_probability, bool default_normalised) const;
};

struct Config {
  std::string architecture;
  /// "FILE: ", in front of sentences about the model; nothing where it is of no file.
  std::string where;
  std::int64_t dim = 0;
  std::int64_t vocabulary = 0;
  std::int64_t context = 0;  // positions the model was trained for
  std::int64_t k_dim = 0;    // of a query or key head, rotated dimensions of latent attention included
  std::int64_t v_dim = 0;    // of a value head
  LatentConfig latent;
  DeltaConfig delta;
  float norm_epsilon = 0;
  RopeConfig rope;
  std::int64_t window = 0;          // of the layers that have one
  std::int64_t n_draft_layers = 0;  // behind the layers in the file: they foretell further tokens
  std::int64_t n_drafting = 0;      // of them, those in `layers`
  // What families multiply with. A file may say.
  float attention_scale = 0;  // scores; 0: 1 / sqrt(k_dim)
  float score_cap = 0;        // bounds scores by cap · tanh(score / cap); 0: not
  ops::PositionScale query_scale;
  float embedding_scale = 1;
  float residual_scale = 1;  // what a block adds
  float logit_scale = 1;
  float logit_cap = 0;  // bounds logits by cap · tanh(logit / cap); 0: not
  ExpertConfig experts;
  std::vector<LayerConfig> layers;  // behind them those that foretell, where they are asked for

  /// Gives the layers for which has_window(i) holds the window.
  template <class HasWindow>
  void set_windows(HasWindow has_window) {
    for (std::int64_t i = 0; i < n_layers(); ++i) layers[i].window = has_window(i) ? window : 0;
  }

  /// Throws Error unless every layer has experts.
  void require_experts() const;

  /// Asks for the draft layers, which are as the last layer is: a family made of this loads them. Throws
  /// Error where the file has none.
  void add_draft_layers();

  /// Whether there are layers that keep a state of a sequence, and no pages.
  bool is_recurrent() const;

  /// Positions that a token sees in the layers that have a window, at most; 0: none has one.
  std::int64_t widest_window() const;

  /// Where attention is latent: a prompt's positions take the expanded form in cells of so many, those that
  /// lie wholly in it; 0: where it never is less work for a cell, or attention is of another kind.
  std::int64_t expanded_cell() const;

  /// Layers that lead to the next token.
  std::int64_t n_layers() const { return static_cast<std::int64_t>(layers.size()) - n_drafting; }
};

/// Throws Error naming the key that is missing, of the wrong kind or impossible.
Config read_config(const gguf::Model& file);

}  // namespace yoke::model
