// Telling whether two files are the same model.
#pragma once

#include <cstdint>

#include "gguf/reader.h"

namespace yoke::gguf {

/// A hash (XXH3) of the metadata and of the tensors' names, formats, shapes and places: equal for copies of a
/// model, and as good as never equal for two that were not written by the same tool from the same weights'
/// shapes. The weights themselves are not read.
std::uint64_t fingerprint(const Model& model);

}  // namespace yoke::gguf
