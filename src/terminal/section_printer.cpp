#include "terminal/section_printer.h"

namespace yoke::terminal {
namespace {

constexpr std::string_view dim_on = "\033[2m", dim_off = "\033[0m";

std::string_view header_of(session::Section section) {
  switch (section) {
    case session::Section::reasoning:
      return "--- reasoning\n";
    case session::Section::tool_call:
      return "--- tool call\n";
    case session::Section::content:
      break;
  }
  return "--- answer\n";
}

}  // namespace

SectionPrinter::~SectionPrinter() {
  // Only an error leaves a terminal dim until here.
  if (dim_) std::fwrite(dim_off.data(), 1, dim_off.size(), out_);
}

void SectionPrinter::print(const session::Piece& piece) {
  if (piece.begins && (printed_ || piece.section != session::Section::content)) begin(piece.section);
  write(piece.text);
}

void SectionPrinter::end() {
  set_dim(false);
  printer_.end();
}

void SectionPrinter::begin(session::Section section) {
  set_dim(false);
  if (in_line_) write("\n");
  const bool needs_header = !terminal_ || section == session::Section::tool_call;
  if (needs_header)
    write(header_of(section));
  else if (printed_)
    write("\n");
  set_dim(terminal_ && section == session::Section::reasoning);
}

void SectionPrinter::set_dim(bool dim) {
  if (dim == dim_) return;
  printer_.print(dim ? dim_on : dim_off);
  dim_ = dim;
}

void SectionPrinter::write(std::string_view text) {
  if (text.empty()) return;
  printer_.print(text);
  printed_ = true;
  in_line_ = text.back() != '\n';
}

}  // namespace yoke::terminal
