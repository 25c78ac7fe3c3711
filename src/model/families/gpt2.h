// GPT-2. Radford et al.,
// https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
#pragma once

#include <memory>

#include "model/family.h"

namespace yoke::model {

std::unique_ptr<Family> make_gpt2(Config config);

}  // namespace yoke::model
