#include "cli/token_list.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "cli/usage.h"

namespace yoke::cli {

std::vector<runtime::Token> parse_tokens(std::string_view text) {
  std::vector<runtime::Token> tokens;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    runtime::Token token = 0;
    const auto [rest, failed] = std::from_chars(text.data() + begin, text.data() + end, token);
    if (failed != std::errc() || rest != text.data() + end) {
      throw UsageError(fmt::format("--tokens has '{}'; expected token ids separated by commas, such as 1,2,3",
                                   text.substr(begin, end - begin)));
    }
    tokens.push_back(token);
    begin = end + 1;
  }
  return tokens;
}

}  // namespace yoke::cli
