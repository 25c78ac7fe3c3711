// StableLM. Bellagente et al., https://arxiv.org/abs/2402.17834.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_stablelm(Config config);

}  // namespace yoke::model
