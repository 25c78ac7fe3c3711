#include "base/utf8.h"
#include "text/tokenizer.h"

namespace yoke::text {

std::string_view ByteStream::push(Token token) {
  std::string_view bytes = tokenizer_.bytes(token);
  if (tokenizer_.is_special(token)) {
    space_added_ = tokenizer_.adds_space();
  } else if (!bytes.empty()) {
    if (space_added_ && bytes.front() == ' ') bytes.remove_prefix(1);
    space_added_ = false;
  }
  return bytes;
}

std::string TextStream::push(Token token) {
  pending_ += bytes_.push(token);
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
