// What describes a model on this machine: its file or, where that is gone, what is kept of its replica.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "gguf/input.h"
#include "gguf/reader.h"

namespace yoke::cli {

/// The folder where ranks keep what came over the network, unless --cache-dir says otherwise.
std::filesystem::path shards_folder();

struct ModelFile {
  std::string path;       // of the first file, where the model is or was
  gguf::Opener opener{};  // as gguf::Model::open() takes it
};
/// Nothing where there is no such file, and shards_folder() has no part of a replica of it.
std::optional<ModelFile> find_model(const std::string& path);

/// Its description; weights can be read only where the file is. Throws Error.
gguf::Model open_model(const std::string& path);

}  // namespace yoke::cli
