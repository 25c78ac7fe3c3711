#include "terminal/text_printer.h"

#include <utility>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace yoke::terminal {

TextPrinter::TextPrinter(std::FILE* out, std::string prompt) : out_(out), prompt_(std::move(prompt)) {}

TextPrinter::~TextPrinter() {
  if (!open_) return;
  std::fputc('\n', out_);
  std::fflush(out_);
}

void TextPrinter::print(std::string_view text) { write(std::exchange(prompt_, "").append(text)); }

void TextPrinter::end() {
  print("");
  if (open_) write("\n");
  open_ = false;
}

void TextPrinter::write(std::string_view text) {
  if (text.empty()) return;
  const bool written =
      std::fwrite(text.data(), 1, text.size(), out_) == text.size() && std::fflush(out_) == 0;
  require(written, "the text cannot be written: {}", last_system_error());
  open_ = true;
}

}  // namespace yoke::terminal
