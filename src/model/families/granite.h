// Granite 3 and 4 with full attention, dense or with experts: Llama with a scale at every joint.
// https://huggingface.co/docs/transformers/model_doc/granite
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_granite(Config config);

}  // namespace yoke::model
