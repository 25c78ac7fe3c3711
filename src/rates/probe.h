// What this machine has and can do: the limits that a model's speed is held against, in a few seconds.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/topology.h"
#include "rates/gemv_rate.h"
#include "rates/multiply_rate.h"

namespace yoke::rates {

/// Each figure is the best of several passes: what else runs on the machine only takes away from it.
struct ProbeReport {
  struct Stream {
    int threads = 0;
    double bytes_per_second = 0;
  };
  struct Multiply {
    std::string isa;
    rates::Operands operands = rates::Operands::int8;
    int threads = 0;
    double ops_per_second = 0;  // a multiply-add is two
  };
  /// How fast weights are read in each way of multiplying one token.
  struct Gemv {
    GemvRate rate;
    int threads = 0;
    kernels::Gemv taken{};  // the better one, unless the environment asks for another
  };
  struct Barrier {
    int threads = 0;
    double seconds = 0;
  };

  std::string host;
  Topology topology;
  Memory memory;
  std::string huge_pages;          // see read_huge_pages()
  std::vector<std::string> isas;   // kernels that can run here, best first
  std::string isa;                 // those in use
  std::vector<Stream> stream;      // on one thread, two, four … and one for each core
  std::string no_stream;           // why `stream` is empty: half a sentence
  std::vector<Multiply> multiply;  // of each instruction set, on one thread and one for each core
  std::vector<Gemv> gemv;  // of some formats, on one thread and one for each core; none without a choice
  std::vector<Barrier> barrier;  // on two threads and one for each core; none where there is one core
};

/// 1, 2, 4 … below `cores`, and `cores`.
std::vector<int> thread_counts(int cores);

/// Of which it measures how fast one token is multiplied.
inline constexpr quant::Type gemv_types[] = {quant::Type::q8_0, quant::Type::q6_k, quant::Type::q4_k,
                                             quant::Type::q4_0};

/// Measures all but disks (disk_rate.h); `progress` is told what comes next. Throws Error for an instruction
/// set named by YOKE_ISA that this machine has not got, and for an unknown name in YOKE_GEMV.
ProbeReport probe(const std::function<void(std::string_view)>& progress);

}  // namespace yoke::rates
