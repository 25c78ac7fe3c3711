// The engine itself: rank 0 schedules, samples and leads; the other ranks follow.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/comm.h"
#include "gguf/input.h"
#include "kernels/kv.h"
#include "kernels/panels.h"
#include "runtime/engine.h"
#include "runtime/place.h"

namespace yoke::runtime {

/// Of packed weights: about what a model of 70 billion weights takes in four bits, and seldom much of a disk.
inline constexpr std::uint64_t default_cache_bytes = 64'000'000'000;

/// Whether long steps are computed in two halves, each while the other's sums travel.
enum class Overlap : std::uint8_t { automatic, off, on };

/// The same on every rank: rank 0's are everyone's.
struct EngineOptions {
  std::int32_t context = 0;          // positions of the KV cache; 0: what the model was trained for
  std::int32_t prefill_chunk = 512;  // most prompt tokens computed in one step
  std::int32_t sequences = 1;        // most that run at once; further requests wait
  std::int32_t pages = 0;  // of the KV cache, for all sequences together; no fewer than one context has
  kernels::KvType kv_type = kernels::KvType::f16;  // how keys and values are stored
  kernels::ActivationType activations =
      kernels::ActivationType::q8;  // what quantised weights are multiplied with
  /// Whether ways of computing that differ in speed alone are tried before loading, for a tenth of a second,
  /// and the faster ones taken; where not, or where the environment asks for one, nothing is tried.
  bool tries_kernels = false;
  /// Automatic: on where ranks run on several machines, which the engine's process finds out; off to an
  /// engine.
  Overlap overlap = Overlap::automatic;
  comm::Wire wire = comm::Wire::f32;  // how activations that are summed travel
  /// Of sums over ranks, as comm::AlgorithmChoice::parse() reads it. Empty: what the machines' network has
  /// been measured to do best, where there are several.
  std::string collectives{};
  /// Of the work, of each rank, relative to the others'; all above 0. Empty: equal.
  std::vector<double> shares{};
  /// Whether machines without the model's file keep so much of it that no machine is irreplaceable.
  bool replicate = false;
};

/// What belongs to a rank's machine.
struct HostOptions {
  std::string model;                                // path of the GGUF file
  std::int32_t threads = 0;                         // compute threads; 0: the rank's share of the cores
  std::string cache_dir;                            // folder where packed weights are kept; empty: nowhere
  std::uint64_t cache_bytes = default_cache_bytes;  // the most that is kept there
  std::uint64_t memory = 0;  // most that all ranks of the machine take; 0: what is free
};

/// Parts of a replica (shards/replica.h) that a rank is to keep on its machine.
struct KeepParts {
  std::string model;       // the path by which it is asked for there
  std::vector<int> parts;  // which, from 0 on
  int of = 0;              // how many there are
  std::string folder;
};

/// All that a rank knows before it loads.
struct RankOptions {
  EngineOptions engine;
  HostOptions host;
  std::vector<Place> places;  // of all ranks, with their threads
  /// Opens the model's files where they lie on another machine; empty: they are read here.
  gguf::Opener open_file{};
  KeepParts keep{};  // fetched once the rank has loaded
  /// Called once all ranks have loaded; may be empty.
  std::function<void()> when_loaded{};
};

/// Called while loading, from the loading thread: bytes read so far and in all, of this rank's share; those
/// that are written to the cache count as well.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// comm.pulse() tells when the calling thread loads, measures or computes in here.

/// Rank 0: loads its share (a collective: every rank loads at the same time) and returns the engine. `comm`
/// outlives it. Its destruction lets the followers return. Throws Error.
std::unique_ptr<Engine> lead(const RankOptions& options, comm::Comm& comm, const Progress& progress);

/// Every other rank: loads its share and takes part in steps until the leader's engine is destroyed.
void follow(const RankOptions& options, comm::Comm& comm, const Progress& progress);

}  // namespace yoke::runtime
