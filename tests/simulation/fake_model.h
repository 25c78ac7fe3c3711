// A model that is nothing but memory: what it keeps of a position follows from what it reads of the position
// before and from the token, through pages as a real one's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/scheduler.h"

namespace yoke::runtime {

class FakeModel {
 public:
  explicit FakeModel(const SchedulerLimits& limits);

  /// The request of each sequence, by its id; all that a step may hold.
  using Requests = std::map<std::uint64_t, Request>;

  struct Row {
    RowOwner owner;
    Token token = 0;  // that is drawn
  };
  /// Computes a step. Returns what is wrong with it, or the rows it wants.
  std::optional<std::string> compute(const PlannedStep& step, const Requests& requests,
                                     std::vector<Row>& rows);

  /// What a request alone would draw.
  std::vector<Token> undisturbed(const Request& request) const;

 private:
  struct Cell {
    std::uint64_t state = 0;
    std::uint64_t salt = 0;
  };
  /// A token in the expanded form leaves other bits than in the absorbed one.
  static std::uint64_t after(std::uint64_t state, Token token, bool expanded);
  Token drawn(std::uint64_t state, const Request& request, std::int32_t position) const;
  Cell& cell(const std::vector<std::int32_t>& table, std::int32_t position);
  Cell& window_cell(const model::WindowPages& table, std::int32_t position);
  bool takes_expanded_form(const Request& request, std::int32_t position) const;
  bool sees_its_window(const model::Batch& batch, std::size_t sequence, std::int32_t position);
  void keep_states(const model::Batch& batch, std::size_t token, const Cell& now);

  SchedulerLimits limits_;
  std::vector<Cell> cells_;         // of each page one after the other
  std::vector<Cell> window_cells_;  // likewise
  std::vector<Cell> states_;        // of slots, then checkpoints
};

}  // namespace yoke::runtime
