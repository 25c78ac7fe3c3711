// What an engine and its starter, and the ranks of an engine, say to each other over sockets once they know
// that they are of one build.
//
// A frame is a 32-bit length n (little-endian, 1 ≤ n ≤ the reader's limit), then n bytes: one byte that names
// the message among those of its conversation, then its fields in order. Numbers are little-endian; a string
// or list is its 32-bit count, then its elements. Nothing may follow the last field. What a peer sends is
// checked against what it has sent: anything else throws Error, and no more memory is taken than the frame
// has bytes (times a small constant).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/pulse.h"
#include "runtime/engine.h"
#include "runtime/local_engine.h"
#include "runtime/place.h"
#include "system/build_id.h"

namespace yoke::cluster {

/// First on every link between ranks, both ways. The job is no secret: it keeps jobs apart that share a key.
struct Hello {
  system::BuildId build = system::this_build();
  std::int32_t rank = 0;
  std::uint64_t job = 0;
};

/// What to be. Starter → engine, first; rank 0 → others, over MPI.
struct Start {
  runtime::EngineOptions engine;
  std::vector<runtime::HostOptions> hosts;  // one for each rank, in rank order
};
void fields(auto& archive, Is<Start> auto& m) { archive(m.engine, m.hosts); }

/// All ranks have met. Engine → starter.
struct RanksMet {
  std::vector<runtime::Place> places;
};

/// Bytes of a model that came from another rank's machine.
struct Fetched {
  std::int32_t from = 0;
  std::uint64_t bytes = 0;
};
/// Bytes of a rank's share that it has loaded, and all of them. Others → rank 0.
struct LoadProgress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0 until its file is open
  std::vector<Fetched> fetched{};
};
/// How far the ranks are together, with what came from each by rank, and the one that is furthest behind.
/// Engine → starter.
struct GroupProgress {
  LoadProgress all;
  std::int32_t ranks = 1;
  std::int32_t slowest = 0;  // of several, the first
  LoadProgress slowest_rank;
};
/// Of one rank's progress each, in rank order; at least one.
GroupProgress summarise(std::span<const LoadProgress> ranks);

/// The model is loaded. Engine → starter.
struct Ready {
  runtime::EngineInfo info;
};

struct Submit {
  runtime::Request request;
};
struct Cancel {
  std::uint64_t request = 0;
};
struct AskReports {};
struct Reports {
  std::vector<runtime::RankReport> ranks;
};
struct AskRooflines {};
struct Rooflines {
  std::vector<rates::Roofline> ranks;
};

/// "I am alive", and what the sender's working thread is at. Several times a second, both ways.
struct Heartbeat {
  Beat beat;
};
/// The followers' comm::Comm::sleep() ends. Rank 0 → others.
struct Wake {};
/// The sender cannot go on, and why; it says nothing after this.
struct Failure {
  std::string sentence;
};
/// Starter → engine: end. Between ranks: the sender ends in good order and says nothing after this.
struct Goodbye {};

// The conversations: each says one way what may be said there. Anything else that arrives is an Error.
using Greeting = std::variant<Hello>;
using ToEngine = std::variant<Start, Submit, Cancel, AskReports, AskRooflines, Goodbye>;
using FromEngine = std::variant<Heartbeat, RanksMet, GroupProgress, Ready, Reports, Rooflines, Failure,
                                runtime::TokenEvent, runtime::LogitsEvent, runtime::LogProbabilitiesEvent,
                                runtime::DoneEvent, runtime::FailedEvent>;
using ToFollower = std::variant<Heartbeat, Wake, Failure, Goodbye>;
using FromFollower = std::variant<Heartbeat, LoadProgress, Failure, Goodbye>;

/// The whole frame: encode<ToEngine>(Cancel{7}). Throws Error if it would exceed max_frame_bytes.
template <class Conversation>
std::vector<std::byte> encode(const Conversation& message);

/// A message from a frame's bytes without the length. Throws Error.
template <class Conversation>
Conversation decode(std::span<const std::byte> frame);

inline constexpr std::size_t max_frame_bytes = std::size_t{64} << 20;
/// Enough for a Hello: what an unknown peer may send.
inline constexpr std::size_t max_hello_bytes = 128;

/// Cuts a stream of bytes into frames.
class FrameReader {
 public:
  explicit FrameReader(std::size_t max_bytes = max_frame_bytes) : max_bytes_(max_bytes) {}

  void set_limit(std::size_t max_bytes) { max_bytes_ = max_bytes; }
  void feed(std::span<const std::byte> bytes);
  /// The next whole frame's bytes without the length; they last until the next feed(). Throws Error on a bad
  /// length; the stream is of no use after that.
  std::optional<std::span<const std::byte>> next();

 private:
  std::size_t max_bytes_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;  // of what has not been returned yet
};

}  // namespace yoke::cluster
