#include "cli/prompt_text.h"

#include "cli/text_file.h"

namespace yoke::cli {

std::string read_prompt(const std::string& path) {
  std::string text = read_text(path, 64);
  require_utf8(text, source_name(path));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

}  // namespace yoke::cli
