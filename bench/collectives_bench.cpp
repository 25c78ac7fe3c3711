// How long ranks take to add up vectors, one after the other in each algorithm, beside a bare exchange of as
// many bytes over TCP; run it with mpirun:
//   mpirun --host node1,node2 collectives_bench [ADDRESS]
// ADDRESS is rank 0's, for the exchange with rank 1 (by default 127.0.0.1).
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/seconds.h"
#include "base/statistics.h"
#include "cluster/mpi_comm.h"
#include "comm/algorithm_choice.h"
#include "comm/algorithm_sweep.h"
#include "comm/gather.h"
#include "runtime/sum_times.h"
#include "system/socket.h"

namespace yoke::cluster {
namespace {

struct Port {
  std::uint16_t number = 0;
};
void fields(auto& archive, Is<Port> auto& m) { archive(m.number); }

void wait_for(int socket, short event) {
  pollfd waiting{socket, event, 0};
  require(::poll(&waiting, 1, 5000) == 1, "ranks 0 and 1 were not connected within 5 seconds");
}

/// Between ranks 0 and 1.
FileDescriptor connect_two(comm::Comm& comm, const std::string& address) {
  system::TcpListener listener;
  if (comm.rank() == 0) listener = system::listen_tcp(address);
  const Port port = comm::tell(comm, Port{listener.port}, 0);
  FileDescriptor socket;
  if (comm.rank() == 1) wait_for((socket = system::begin_connect_tcp(address, port.number)).get(), POLLOUT);
  if (comm.rank() == 0) {
    wait_for(listener.socket.get(), POLLIN);
    socket = system::accept_connection(listener.socket);
  }
  const int yes = 1;
  if (socket.get() >= 0) ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return socket;
}

/// Sends as many bytes as it receives, both at once, without ever sleeping: as MPI does.
void exchange(int socket, std::span<const std::byte> out, std::span<std::byte> in) {
  while (!out.empty() || !in.empty()) {
    const auto sent = out.empty() ? 0 : ::send(socket, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) out = out.subspan(static_cast<std::size_t>(sent));
    const auto received = in.empty() ? 0 : ::recv(socket, in.data(), in.size(), MSG_DONTWAIT);
    if (received > 0) in = in.subspan(static_cast<std::size_t>(received));
    require(received != 0 || in.empty(), "the other rank has closed its socket");
  }
}

int repetitions_of(std::size_t bytes) { return bytes <= 65536 ? 200 : bytes <= 1048576 ? 15 : 5; }

class Bench {
 public:
  Bench(comm::Comm& comm, const std::string& address) : comm_(comm), socket_(connect_two(comm, address)) {}

  /// Everything in turns, so that what disturbs one disturbs all.
  void run(std::size_t bytes) {
    std::vector<float> x(bytes / sizeof(float));
    std::vector<std::byte> out(bytes), in(bytes);
    std::vector<std::vector<double>> times(4);
    for (int i = 0; i < repetitions_of(bytes); ++i) {
      for (std::size_t which = 0; which < times.size(); ++which) {
        float nothing = 0;
        comm_.choose(comm::AlgorithmChoice(comm::Algorithm::direct));
        comm_.all_reduce({&nothing, 1});
        const auto start = std::chrono::steady_clock::now();
        if (which < std::size(comm::algorithms)) {
          comm_.choose(comm::AlgorithmChoice(comm::algorithms[which]));
          comm_.all_reduce(x);
        } else if (comm_.rank() < 2) {
          exchange(socket_.get(), out, in);
        }
        times[which].push_back(seconds_since(start));
      }
    }
    if (comm_.rank() != 0) return;
    fmt::print("{:>9} ", bytes);
    for (const std::vector<double>& each : times) fmt::print(" {:>10.1f}", 1e6 * median(each));
    fmt::print("\n");
    std::fflush(stdout);
  }

 private:
  comm::Comm& comm_;
  FileDescriptor socket_;
};

int run(const std::string& address) {
  const auto comm = start_mpi(0);
  require(comm->size() > 1, "one rank has nobody to exchange with; start it with mpirun");
  Bench bench(*comm, address);
  if (comm->rank() == 0)
    fmt::print("    bytes      direct     pieces   doubling   bare TCP   (median, µs)\n");
  for (std::size_t bytes = 4; bytes <= 8 << 20; bytes *= bytes == 4 ? 1024 : 2) bench.run(bytes);
  const auto start = std::chrono::steady_clock::now();
  const std::string choice = comm::measure_algorithms(*comm).text();
  if (comm->rank() == 0) fmt::print("chosen in {:.2f} s: {}\n", seconds_since(start), choice);
  for (const std::size_t values : {2048, 7168, 16384}) {
    const runtime::SumTimes times = runtime::time_sums(*comm, values);
    if (comm->rank() == 0)
      fmt::print("{} bytes after a product: {:.1f} µs, {:.1f} µs in two parts\n", values * sizeof(float),
                 1e6 * times.whole, 1e6 * times.in_parts);
  }
  comm->leave();
  return 0;
}

}  // namespace
}  // namespace yoke::cluster

int main(int count, char** words) {
  try {
    return yoke::cluster::run(count > 1 ? words[1] : "127.0.0.1");
  } catch (const std::exception& error) {
    fmt::print(stderr, "collectives_bench: {}\n", error.what());
    return 1;
  }
}
