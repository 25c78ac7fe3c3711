// A template's text as tokens. Blocks are trimmed as Hugging Face has it (trim_blocks and lstrip_blocks): the
// line break after a block goes, and so does the white space before one that begins its line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::jinja {

struct Token {
  enum class Kind {
    text,              // outside of blocks
    expression_begin,  // {{
    expression_end,
    block_begin,  // {%
    block_end,
    name,
    string,  // without quotes and escapes
    integer,
    number,
    operator_,  // "+", "==", "(" …
    end,        // of the template
  };
  Kind kind;
  std::string text;  // as it stands there; of a string, what it means
  int line;          // from 1
};

/// Ends with Kind::end. Comments are left out. Throws Error "line 3: …" for what is no template.
std::vector<Token> tokenize(std::string_view source);

}  // namespace yoke::jinja
