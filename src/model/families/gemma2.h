// Gemma 2. Gemma Team, Google DeepMind, https://arxiv.org/abs/2408.00118.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_gemma2(Config config);

}  // namespace yoke::model
