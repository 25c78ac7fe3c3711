// A regular expression over UTF-8 text: PCRE2 behind two small classes.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;  // PCRE2's own types; its header stays in pattern.cpp
struct pcre2_real_match_data_8;

namespace yoke::text {

/// How a pattern runs. `jit` is a wish: where the system forbids code made at run time, the interpreter runs.
enum class PatternEngine { jit, interpreter };

/// A compiled pattern. Character classes follow Unicode. Immutable; may be used from any thread.
class Pattern {
 public:
  /// Throws Error where `expression` is no pattern.
  explicit Pattern(std::string_view expression, PatternEngine engine = PatternEngine::jit);

 private:
  friend class Matcher;
  struct Free {
    void operator()(pcre2_real_code_8* code) const noexcept;
  };
  std::string expression_;  // for messages
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

/// Finds matches of one pattern, which must outlive it. For one thread at a time.
class Matcher {
 public:
  explicit Matcher(const Pattern& pattern);

  struct Match {
    std::size_t begin, end;  // in bytes; end > begin
  };
  /// The first match that is not empty at or after byte `from`. `text` must be well-formed UTF-8 and `from`
  /// the start of a character in it. Throws Error where PCRE2 gives up (one of its limits is reached).
  std::optional<Match> find(std::string_view text, std::size_t from);

 private:
  struct Free {
    void operator()(pcre2_real_match_data_8* data) const noexcept;
  };
  const Pattern* pattern_;
  std::unique_ptr<pcre2_real_match_data_8, Free> data_;
};

}  // namespace yoke::text
