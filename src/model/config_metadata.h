// A model's hyper-parameters as GGUF metadata.
#pragma once

#include "gguf/metadata.h"
#include "model/config.h"

namespace yoke::model {

/// The metadata that read_config reads as `config`, beside a `token_embd.weight` of its vocabulary. There is
/// a family for its architecture.
gguf::Metadata config_metadata(const Config& config);

}  // namespace yoke::model
