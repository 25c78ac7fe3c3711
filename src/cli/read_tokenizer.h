// The tokenizer in a model file, and the chat template.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace yoke::cli {

/// Whether the chat template is wanted: one that cannot be applied is no harm where it is not.
enum class ReadTemplate { no, yes };

struct ModelTokenizer {
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::optional<text::ChatTemplate> chat_template;  // where it is wanted and the model has one
};

/// `model` is the path of a GGUF file; one that holds only metadata will do. Throws Error that names the file
/// where it has no tokenizer, or one that is damaged, of an unknown kind or of more tokens than the model, or
/// a chat template that cannot be applied.
ModelTokenizer read_tokenizer(const std::string& model, ReadTemplate read_template = ReadTemplate::no);

/// The template, where it is needed. Throws Error where the model has none; `what` needs it: "--chat".
const text::ChatTemplate& require_chat_template(const ModelTokenizer& read, const std::string& model,
                                                std::string_view what);

/// What a template that asks for the date is told.
std::tm local_time();

}  // namespace yoke::cli
