// However an answer is cut, a splitter makes the same sections of it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "session/sections.h"

namespace {

using namespace yoke::session;

/// The sections with their texts.
std::vector<Piece> split(std::string_view text, std::size_t part, bool json_calls) {
  SectionSplitter splitter("<|start|>assistant", json_calls);
  std::vector<Piece> sections;
  const auto add = [&](const std::vector<Piece>& pieces) {
    for (const Piece& piece : pieces) {
      if (piece.begins)
        sections.push_back(piece);
      else
        sections.back().text += piece.text;
    }
  };
  for (; !text.empty(); text.remove_prefix(part < text.size() ? part : text.size()))
    add(splitter.push(text.substr(0, part)));
  add(splitter.finish());
  return sections;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool json_calls : {false, true}) {
    const std::vector<Piece> whole = split(text, size + 1, json_calls), bytes = split(text, 1, json_calls);
    if (whole.size() != bytes.size()) std::abort();
    for (std::size_t i = 0; i < whole.size(); ++i)
      if (whole[i].section != bytes[i].section || whole[i].text != bytes[i].text) std::abort();
  }
  return 0;
}
