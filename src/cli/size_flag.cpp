#include "cli/size_flag.h"

#include "base/byte_size.h"
#include "base/error.h"

namespace yoke::cli {

CLI::Option* add_size(CLI::App& command, const std::string& flag, std::uint64_t& bytes,
                      const std::string& description) {
  const auto parse = [flag, &bytes](const std::string& text) {
    try {
      bytes = parse_byte_size(text);
    } catch (const Error& error) {
      throw CLI::ValidationError(flag, error.what());
    }
  };
  return command.add_option_function<std::string>(flag, parse, description)->type_name("SIZE");
}

}  // namespace yoke::cli
