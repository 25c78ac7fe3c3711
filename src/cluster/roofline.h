// The limits that a measured speed is held against, taken in the same process with as many threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace yoke::cluster {

/// What some threads of this machine can do at most. Machines drift, so it is measured again and again
/// around what is held against it, and the median of all counts. Each measurement brings its own threads, one
/// pinned to each core, and takes a fraction of a second.
class Roofline {
 public:
  explicit Roofline(int threads) : threads_(threads) {}

  void measure();

  int threads() const { return threads_; }
  /// Bytes per second that can be read of memory; nothing where that could not be measured.
  std::optional<double> stream() const;
  /// Why there is no stream(): half a sentence.
  const std::string& no_stream() const { return no_stream_; }
  /// Operations per second with the best instruction set of the machine, whichever kernels are in use; a
  /// multiply-add is two.
  double int8_ops() const;
  double f32_ops() const;

 private:
  int threads_;
  std::string no_stream_;
  std::vector<double> stream_, int8_, f32_;  // of each pass
};

}  // namespace yoke::cluster
