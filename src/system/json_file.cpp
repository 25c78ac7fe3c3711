#include "system/json_file.h"

#include <exception>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <system_error>

#include "base/output_file.h"

namespace yoke::system {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::optional<Json> read_json_file(const fs::path& file) {
  constexpr std::uintmax_t longest = 1 << 20;
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > longest || error) return std::nullopt;
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

void write_json_file(const fs::path& file, const Json& json) {
  if (file.empty()) return;
  const std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace);
  try {
    fs::create_directories(file.parent_path());
    OutputFile output(file);
    output.append(std::as_bytes(std::span(text)));
    output.commit(OutputFile::Durability::in_system);
  } catch (const std::exception&) {
    // It is made again next time.
  }
}

}  // namespace yoke::system
