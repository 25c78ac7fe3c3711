#include "terminal/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace yoke::terminal {
namespace {

/// Characters of a UTF-8 text: every byte but those that continue one.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t to, Table::Align align) {
  const std::string space(to - width(text), ' ');
  return align == Table::Align::left ? fmt::format("{}{}", text, space) : fmt::format("{}{}", space, text);
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::add_row(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::markdown() const {
  std::string titles, rule;
  std::vector<std::string> lines(rows_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& [title, align] = columns_[i];
    std::size_t widest = width(title);
    for (const std::vector<std::string>& row : rows_) widest = std::max(widest, width(row[i]));
    titles += fmt::format("| {} ", padded(title, widest, align));
    rule += fmt::format("|-{:-<{}}{}", "", widest, align == Align::right ? ":" : "-");
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      lines[r] += fmt::format("| {} ", padded(rows_[r][i], widest, align));
    }
  }
  std::string text = fmt::format("{}|\n{}|\n", titles, rule);
  for (const std::string& line : lines) text += fmt::format("{}|\n", line);
  return text;
}

}  // namespace yoke::terminal
