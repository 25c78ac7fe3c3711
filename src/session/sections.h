// The parts of an answer: what a model says, what it thinks before, what it wants a tool to do. Models mark
// them with texts or control tokens of their own, each family with others.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::session {

enum class Section { content, reasoning, tool_call };

struct Piece {
  Section section;
  std::string text;
  bool begins;  // whether a section begins with it, also where the one before was of the same kind
};

/// Whether a control token of this name belongs to what marks sections: a splitter needs to see it in the
/// text, where control tokens are nothing otherwise.
bool is_section_token(std::string_view name);

/// Splits an answer while it comes. Markers are taken out, and the line breaks beside them; what marks parts
/// within a tool call stays. An answer without markers comes out as it is. What may be the beginning of a
/// marker waits until more text shows whether it is.
class SectionSplitter {
 public:
  /// `prompt` is what the answer continues: it may have begun a section, as templates for models that always
  /// think do. `json_calls`: an answer that begins like {"name": is a tool call, as Llama 3.1 writes them;
  /// only where there are tools, for it may be an answer too.
  explicit SectionSplitter(std::string_view prompt, bool json_calls = false);

  /// Takes and gives whole UTF-8 characters.
  std::vector<Piece> push(std::string_view text);
  /// The text has ended: what waited.
  std::vector<Piece> finish();

 private:
  /// What is to be looked for next.
  enum class State {
    content,  // any marker that begins something
    section,  // the marker that ends it
    header,   // gpt-oss: what ends a message's header, which says where the message goes
  };

  struct Found {
    std::size_t place;
    std::string_view marker;  // empty: what stands there may become one
  };
  Found find_marker() const;
  bool is_wanted(std::string_view marker) const;

  bool advance(std::vector<Piece>& pieces);
  void pass(std::string_view marker, std::string_view before, std::vector<Piece>& pieces);
  void pass_header(std::string_view header, std::vector<Piece>& pieces);
  void begin(Section section, std::string_view end);
  void look_for_json_call();
  void put(std::string_view text, std::vector<Piece>& pieces);

  std::string waiting_;
  State state_ = State::content;
  Section section_ = Section::content;
  std::string_view end_;      // the marker that ends the section; empty: the answer's end
  bool fresh_ = false;        // a marker came before, and nothing but line breaks since
  bool may_be_json_ = false;  // so far the answer looks like a tool call without a marker
  bool begins_ = true;        // nothing of the section was given yet
  std::string held_;          // line breaks that are the section's only if more of it follows
};

}  // namespace yoke::session
