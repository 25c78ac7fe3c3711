// Gemma 3. Google DeepMind, https://arxiv.org/abs/2503.19786.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_gemma3(Config config);

}  // namespace yoke::model
