// An answer on its way to a person, what the model thinks apart from what it says.
#pragma once

#include <cstdio>
#include <string_view>

#include "session/sections.h"
#include "terminal/text_printer.h"

namespace yoke::terminal {

/// Prints pieces as they come. On a terminal reasoning is dim and a blank line ends it; elsewhere, as for
/// every tool call, a line such as "--- reasoning" says what follows. An answer that has nothing but content
/// is printed as it is.
class SectionPrinter {
 public:
  /// `out` outlives it.
  SectionPrinter(std::FILE* out, bool terminal) : printer_(out, ""), out_(out), terminal_(terminal) {}
  ~SectionPrinter();
  SectionPrinter(const SectionPrinter&) = delete;
  SectionPrinter& operator=(const SectionPrinter&) = delete;

  /// Throws Error where the text cannot be written.
  void print(const session::Piece& piece);
  /// Ends the last line. Throws Error likewise.
  void end();

 private:
  void begin(session::Section section);
  void set_dim(bool dim);
  void write(std::string_view text);

  TextPrinter printer_;
  std::FILE* out_;
  bool terminal_;
  bool dim_ = false;
  bool printed_ = false;  // whether anything was
  bool in_line_ = false;  // whether the last line has something on it
};

}  // namespace yoke::terminal
