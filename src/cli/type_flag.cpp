#include "cli/type_flag.h"

#include <fmt/core.h>

#include <string_view>

#include "base/printable.h"

namespace yoke::cli {
namespace {

bool is_possible(const quant::Format& format, TypeUse use) {
  return use == TypeUse::write ? format.quantize != nullptr : format.dequantize != nullptr;
}

std::string possible_names(TypeUse use) {
  std::string names;
  for (const quant::Format& format : quant::formats()) {
    if (is_possible(format, use)) names.append(names.empty() ? "" : ", ").append(format.name);
  }
  return names;
}

quant::Type parse_type(const std::string& flag, const std::string& name, TypeUse use) {
  const quant::Format* const format = quant::find_format(name);
  if (format == nullptr) {
    throw CLI::ValidationError(flag, fmt::format("'{}' is no format of weights; there are {}",
                                                 printable(name), possible_names(use)));
  }
  if (!is_possible(*format, use)) {
    throw CLI::ValidationError(
        flag, fmt::format("{} cannot be {}; there are {}", format->name,
                          use == TypeUse::write ? "written" : "computed with", possible_names(use)));
  }
  return format->type;
}

}  // namespace

CLI::Option* add_type_flag(CLI::App& command, const std::string& flag, std::optional<quant::Type>& type,
                           const std::string& description, TypeUse use) {
  return command
      .add_option_function<std::string>(
          flag, [flag, &type, use](const std::string& name) { type = parse_type(flag, name, use); },
          description)
      ->type_name("TYPE");
}

}  // namespace yoke::cli
