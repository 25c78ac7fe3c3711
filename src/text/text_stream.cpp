#include "text/tokenizer.h"
#include "text/utf8.h"

namespace yoke::text {

std::string TextStream::push(Token token) {
  pending_ += tokenizer_.bytes(token);
  std::string text;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    const Utf8Unit unit = front_unit(rest);
    if (unit.kind == Utf8::unfinished) break;
    text += unit.kind == Utf8::character ? rest.substr(0, unit.bytes) : replacement_character;
    rest.remove_prefix(unit.bytes);
  }
  pending_.erase(0, pending_.size() - rest.size());
  return text;
}

std::string TextStream::finish() {
  // What waits is the start of one character, hence one maximal subpart.
  const bool unfinished = !pending_.empty();
  pending_.clear();
  return std::string(unfinished ? replacement_character : "");
}

}  // namespace yoke::text
