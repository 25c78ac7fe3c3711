// The text of `yoke run` on its way to a person.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace yoke::terminal {

/// Prints text as it comes, the prompt in front: not before the engine has accepted it. Its end, also by an
/// error, ends the line, so that what is said next has a line of its own.
class TextPrinter {
 public:
  /// `out` outlives it.
  TextPrinter(std::FILE* out, std::string prompt);
  ~TextPrinter();
  TextPrinter(const TextPrinter&) = delete;
  TextPrinter& operator=(const TextPrinter&) = delete;

  /// Throws Error where the text cannot be written.
  void print(std::string_view text);
  /// Ends the text, prompt included, with a newline if there is any. Throws Error likewise.
  void end();

 private:
  void write(std::string_view text);

  std::FILE* out_;
  std::string prompt_;  // as long as it has not been printed
  bool open_ = false;   // whether a line has begun
};

}  // namespace yoke::terminal
