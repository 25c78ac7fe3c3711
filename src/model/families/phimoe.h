// Phi-3.5-MoE. Microsoft, https://arxiv.org/abs/2404.14219; routing after https://arxiv.org/abs/2409.12136.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_phimoe(Config config);

}  // namespace yoke::model
