// The files of a model that lies on another rank's machine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/pulse.h"
#include "cluster/rendezvous.h"
#include "gguf/input.h"
#include "system/secret.h"
#include "system/socket.h"
#include "system/tls.h"

namespace yoke::gguf {

void fields(auto& archive, Is<FileVersion> auto& m) { archive(m.bytes, m.written); }

}  // namespace yoke::gguf

namespace yoke::cluster {

/// What the rank that has the model tells the others: where it is read, and of which files it consists.
struct ModelInvitation {
  Invitation at;
  std::vector<std::string> names;  // paths there, in the model's order
  std::vector<gguf::FileVersion> versions;
};
void fields(auto& archive, Is<ModelInvitation> auto& m) { archive(m.at, m.names, m.versions); }

/// Reads them, from several threads at once, each over a connection of its own while it reads what it has
/// expected. A connection that breaks is made anew, and so is one on which anything arrives damaged; what it
/// had not brought is asked for again.
class RemoteModel : public std::enable_shared_from_this<RemoteModel> {
 public:
  /// `whom`: who has the model, for people. `pulse`, which may be null, ticks with what arrives.
  RemoteModel(ModelInvitation invitation, const system::Secret& key, std::string whom, Pulse* pulse);
  ~RemoteModel();

  /// Opens the file of that name; `this` lives on in it. Throws Error where there is none.
  std::unique_ptr<const gguf::Input> open(const std::string& name);

  /// Bytes that have arrived, of all files. Any thread.
  std::uint64_t fetched() const;

  /// Nothing more is read.
  void close();

 private:
  class File;
  class Connection;
  class Lease;
  class Flow;

  void read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> to);
  void read_pieces(std::uint32_t file, const gguf::EvenPieces& pieces, std::span<std::byte> to);
  void expect(std::uint32_t file, const gguf::EvenPieces& pieces);
  std::unique_ptr<Flow> take_flow();
  std::unique_ptr<Connection> connect();
  [[noreturn]] void give_up(const std::string& sentence);

  const ModelInvitation invitation_;
  const std::string whom_;
  Pulse* const pulse_;
  const system::Tls tls_;
  system::Alarm stop_;
  std::vector<std::atomic<std::uint64_t>> fetched_;  // bytes, of each file

  std::mutex mutex_;
  std::condition_variable changed_;
  int leases_ = 0;
  bool failed_ = false;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::vector<std::vector<std::byte>> starts_;  // of each file, as far as it was read from its beginning
  std::map<std::thread::id, std::unique_ptr<Flow>> flows_;  // gone before what they lease
};

}  // namespace yoke::cluster
