// Tables for people and for documents.
#pragma once

#include <string>
#include <vector>

namespace yoke::terminal {

/// A table in Markdown whose columns line up as plain text too.
class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit Table(std::vector<Column> columns);
  /// One cell per column; UTF-8 of characters that take one place each.
  void add_row(std::vector<std::string> cells);
  /// Title, rule and rows, each with its newline.
  std::string markdown() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace yoke::terminal
