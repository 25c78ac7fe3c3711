// MiniMax-M2. https://huggingface.co/docs/transformers/model_doc/minimax_m2
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_minimax_m2(Config config);

}  // namespace yoke::model
