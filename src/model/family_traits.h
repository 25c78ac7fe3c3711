// What sets families apart before any tensor is looked at.
#pragma once

namespace yoke::model {

/// Parts that the models of a family have, where those of others have none.
struct FamilyTraits {
  // Kinds of layers, beside dense blocks and attention of plain heads. A file that asks for others is
  // refused: partition, memory and caches go by what it says.
  bool experts = false;
  bool latents = false;
  bool recurrent = false;

  // Keys that other families do not use, and do not look at: there are programs that write all that a model's
  // configuration can say into every file.
  bool windows = false;             // attention.sliding_window
  bool scaled_queries = false;      // attention.temperature_scale and _length
  bool stepped_experts = false;     // interleave_moe_layer_step
  bool scaled_residuals = false;    // residual_scale
  bool factors_by_length = false;   // rope.scaling.type longrope, and the context that its factors go by
  bool layer_norm_epsilon = false;  // attention.layer_norm_epsilon, in the place of layer_norm_rms_epsilon
  bool unrotated = false;           // positions are no rotations: nothing that begins with rope
};

}  // namespace yoke::model
