// Llama 1 to 3, Mistral and the many models of their shape. Touvron et al., https://arxiv.org/abs/2302.13971;
// grouped heads and scaled rotary frequencies after https://arxiv.org/abs/2407.21783.
#pragma once

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_llama(Config config);

}  // namespace yoke::model
