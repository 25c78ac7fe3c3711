// Phi-3. Microsoft, https://arxiv.org/abs/2404.14219.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_phi3(Config config);

}  // namespace yoke::model
