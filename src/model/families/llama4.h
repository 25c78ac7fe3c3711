// Llama 4, Scout and Maverick: https://github.com/meta-llama/llama-models (models/llama4).
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_llama4(Config config);

}  // namespace yoke::model
