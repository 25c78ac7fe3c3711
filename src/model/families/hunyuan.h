// Hunyuan, dense and with experts (hunyuan-moe). Sun et al., https://arxiv.org/abs/2411.02265.
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_hunyuan(Config config);

}  // namespace yoke::model
