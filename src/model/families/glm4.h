// GLM-4 of 2025, 9B and 32B. https://huggingface.co/docs/transformers/model_doc/glm4
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_glm4(Config config);

}  // namespace yoke::model
