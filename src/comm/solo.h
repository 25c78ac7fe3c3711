// The group of one rank: every operation is the identity.
#pragma once

#include "comm/comm.h"

namespace yoke::comm {

class SoloComm final : public Comm {
 public:
  /// `parent` as Comm's.
  explicit SoloComm(Comm* parent = nullptr) : Comm(parent) {}

  int rank() const override { return 0; }
  int size() const override { return 1; }
  void broadcast(std::vector<std::byte>& message, int root) override;
  void send(std::span<const std::byte> bytes, int to) override;
  void receive(std::span<std::byte> bytes, int from) override;
  std::unique_ptr<Comm> split(int color) override;

 private:
  void do_start(int, std::span<float>, Wire) override {}
  int do_finish(int) override { return -1; }
  void do_all_gather(std::span<const float> mine, std::span<const std::int64_t> counts,
                     std::span<float> all) override;
};

}  // namespace yoke::comm
