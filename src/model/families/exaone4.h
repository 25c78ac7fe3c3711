// EXAONE 4.0. LG AI Research, https://arxiv.org/abs/2507.11407.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_exaone4(Config config);

}  // namespace yoke::model
