#include "cli/type_flag.h"

#include <fmt/core.h>

#include <string_view>

#include "gguf/printable.h"

namespace yoke::cli {
namespace {

std::string writable_names() {
  std::string names;
  for (const quant::Format& format : quant::formats()) {
    if (format.quantize != nullptr) names.append(names.empty() ? "" : ", ").append(format.name);
  }
  return names;
}

quant::Type parse_type(const std::string& flag, const std::string& name) {
  const quant::Format* const format = quant::find_format(name);
  if (format == nullptr) {
    throw CLI::ValidationError(flag, fmt::format("'{}' is no format of weights; there are {}",
                                                 gguf::printable(name), writable_names()));
  }
  if (format->quantize == nullptr) {
    throw CLI::ValidationError(
        flag, fmt::format("{} cannot be written; there are {}", format->name, writable_names()));
  }
  return format->type;
}

}  // namespace

CLI::Option* add_type_flag(CLI::App& command, const std::string& flag, std::optional<quant::Type>& type,
                           const std::string& description) {
  return command
      .add_option_function<std::string>(
          flag, [flag, &type](const std::string& name) { type = parse_type(flag, name); }, description)
      ->type_name("TYPE");
}

}  // namespace yoke::cli
