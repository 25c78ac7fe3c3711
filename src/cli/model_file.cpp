#include "cli/model_file.h"

#include <memory>
#include <system_error>

#include "shards/replica.h"
#include "system/environment.h"

namespace yoke::cli {

std::filesystem::path shards_folder() {
  return system::user_file(system::current_environment(), "XDG_CACHE_HOME", ".cache", "yoke/shards");
}

std::optional<ModelFile> find_model(const std::string& path) {
  std::error_code error;
  if (path.empty()) return std::nullopt;
  if (std::filesystem::exists(path, error)) return ModelFile{path};
  const std::filesystem::path folder = shards_folder();
  if (folder.empty()) return std::nullopt;
  const std::shared_ptr<const shards::Replica> replica = shards::Replica::find(folder, path);
  if (!replica) return std::nullopt;
  return ModelFile{replica->names().front(), shards::opener_of(replica)};
}

gguf::Model open_model(const std::string& path) {
  const ModelFile file = find_model(path).value_or(ModelFile{path});
  return gguf::Model::open(file.path, file.opener);
}

}  // namespace yoke::cli
