// A small SentencePiece-style tokenizer, which puts a space before a text.
#pragma once

#include <memory>

#include "text/score_vocabulary.h"
#include "text/tokenizer.h"

namespace yoke::session {

inline std::unique_ptr<text::Tokenizer> score_tokenizer() {
  return text::make_tokenizer(text::small_score_vocabulary().metadata());
}

}  // namespace yoke::session
