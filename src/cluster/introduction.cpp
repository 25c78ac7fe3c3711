#include "cluster/introduction.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "base/topology.h"

namespace yoke::cluster {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t host_at = std::tuple_size_v<system::BuildRecord>;
constexpr std::size_t host_bytes = std::tuple_size_v<IntroductionRecord> - host_at;

/// Waits until the socket is ready for `events`.
void wait_for(const FileDescriptor& socket, short events, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  require(left > 0, "the other end did not say in time which yoke it is");
  pollfd polled{socket.get(), events, 0};
  ::poll(&polled, 1, static_cast<int>(left));
}

/// Calls transfer(rest) with what is left of `bytes` until nothing is; it returns what recv() and send() do.
template <class Byte, class Transfer>
void transfer_all(const FileDescriptor& socket, std::span<Byte> bytes, short events,
                  Clock::time_point deadline, Transfer transfer) {
  while (!bytes.empty()) {
    const ssize_t n = transfer(bytes);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
      wait_for(socket, events, deadline);
    } else {
      fail("the other end closed the connection before it said which yoke it is");
    }
  }
}

}  // namespace

Introduction introduction_of(const system::BuildId& build) { return {build, read_host_name()}; }

IntroductionRecord encode(const Introduction& introduction) {
  IntroductionRecord record{};
  const system::BuildRecord build = system::encode(introduction.build);
  std::copy(build.begin(), build.end(), record.begin());
  std::memcpy(record.data() + host_at, introduction.host.data(),
              std::min(introduction.host.size(), host_bytes));
  return record;
}

Introduction decode_introduction(std::span<const std::byte> record) {
  require(record.size() == std::tuple_size_v<IntroductionRecord>,
          "a process introduced itself with {} bytes where {} are expected", record.size(),
          std::tuple_size_v<IntroductionRecord>);
  const std::string_view host(reinterpret_cast<const char*>(record.data()) + host_at, host_bytes);
  return {system::decode_build(record.first<host_at>()), printable(host.substr(0, host.find('\0')))};
}

std::string judge_builds(const Introduction& one, const Introduction& other) {
  if (one.build == other.build) return {};
  return fmt::format("{} runs yoke of {}, but {} of {}; install the same on every machine", one.host,
                     system::describe(one.build), other.host, system::describe(other.build));
}

void introduce(const FileDescriptor& socket, const Introduction& mine, milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  const IntroductionRecord said = encode(mine);
  IntroductionRecord heard{};
  transfer_all(socket, std::span<const std::byte>(said), POLLOUT, deadline, [&](auto rest) {
    return ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  });
  transfer_all(socket, std::span<std::byte>(heard), POLLIN, deadline,
               [&](auto rest) { return ::recv(socket.get(), rest.data(), rest.size(), MSG_DONTWAIT); });
  const std::string sentence = judge_builds(mine, decode_introduction(heard));
  require(sentence.empty(), "{}", sentence);
}

void introduce(comm::Comm& comm, const Introduction& mine) {
  const IntroductionRecord record = encode(mine);
  std::vector<Introduction> all;
  for (int rank = 0; rank < comm.size(); ++rank) {
    std::vector<std::byte> message(record.begin(), record.end());
    comm.broadcast(message, rank);
    all.push_back(decode_introduction(message));
  }
  for (const Introduction& one : all) {
    const std::string sentence = judge_builds(all.front(), one);
    require(sentence.empty(), "{}", sentence);
  }
}

}  // namespace yoke::cluster
