// yoke tokenize: the tokens that a model makes of a text.
#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/engine_flags.h"
#include "cli/piece_format.h"
#include "cli/read_tokenizer.h"
#include "cli/text_file.h"
#include "cli/text_printer.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace yoke::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  std::optional<std::string> text, file;
  bool json = false;
  bool no_bos = false;
  bool specials = false;
};

/// What a token stands for; a control token, which stands for nothing, shows its name.
std::string_view piece_of(const text::Tokenizer& tokenizer, text::Token token) {
  const std::string_view bytes = tokenizer.bytes(token);
  return bytes.empty() ? tokenizer.special_text(token) : bytes;
}

std::string table(const text::Tokenizer& tokenizer, const std::vector<text::Token>& tokens) {
  std::string lines = "    id  piece\n";
  for (const text::Token token : tokens) {
    const std::string piece = escaped_piece(piece_of(tokenizer, token));
    const std::string_view quote = tokenizer.bytes(token).empty() ? "" : "\"";
    lines += fmt::format("{0:>6}  {1}{2}{1}\n", token, quote, piece);
  }
  return lines + fmt::format("{} token{}", tokens.size(), tokens.size() == 1 ? "" : "s");
}

std::string json(const text::Tokenizer& tokenizer, const std::vector<text::Token>& tokens) {
  nlohmann::ordered_json pieces = nlohmann::ordered_json::array();
  for (const text::Token token : tokens) {
    const std::string_view piece = piece_of(tokenizer, token);
    if (text::is_utf8(piece))
      pieces.push_back(piece);
    else
      pieces.push_back(std::vector<unsigned char>(piece.begin(), piece.end()));
  }
  nlohmann::ordered_json result;
  result["tokens"] = tokens;
  result["pieces"] = std::move(pieces);
  return result.dump();
}

int tokenize(const TokenizeOptions& options) {
  const std::unique_ptr<text::Tokenizer> tokenizer = read_tokenizer(options.model).tokenizer;
  const std::string text = options.text ? *options.text : read_text(*options.file);
  const text::Specials specials = options.specials ? text::Specials::parse : text::Specials::as_text;
  const std::vector<text::Token> tokens =
      options.no_bos ? tokenizer->encode(text, specials) : tokenizer->encode_prompt(text, specials);
  TextPrinter printer(stdout, "");
  printer.print(options.json ? json(*tokenizer, tokens) : table(*tokenizer, tokens));
  printer.end();
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = app.add_subcommand("tokenize", "Show the tokens that a model makes of a text");
  add_model(*command, options->model)
      ->description("GGUF file (any part of a split model); one that holds only a vocabulary will do");
  CLI::Option* text = command->add_option("--text", options->text, "The text");
  command->add_option("-f,--file", options->file, "File that holds the text; - is the standard input")
      ->excludes(text);
  command->add_flag("--json", options->json, "Print {\"tokens\": [ids], \"pieces\": [text of each]}");
  command->add_flag("--no-bos", options->no_bos,
                    "Leave out the BOS token that the model starts a prompt with");
  command->add_flag("--specials", options->specials,
                    "Take special tokens written out in the text, like <|eot_id|>, for those tokens");
  command->footer(
      "Without --json each token has a line with its id and its text in quotes; a control token, which "
      "stands\n"
      "for no text, has its name without quotes. Control characters and bytes that are no UTF-8 show as "
      "\\xNN.\n"
      "With --json a piece that is not UTF-8 by itself (part of a character) is an array of its bytes, "
      "[240,159].\n"
      "\n"
      "Examples:\n"
      "  yoke tokenize models/demo.gguf --text \"The state of the Union\"\n"
      "  yoke tokenize model.gguf --file story.txt --json --no-bos");
  command->callback([options, &action] {
    if (!options->text && !options->file)
      throw CLI::RequiredError("yoke tokenize needs a text: --text or --file", CLI::ExitCodes::RequiredError);
    action = [options] { return tokenize(*options); };
  });
}

}  // namespace yoke::cli
