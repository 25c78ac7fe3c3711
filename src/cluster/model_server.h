// Lets other ranks read the files of a model that lies on this machine.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cluster/rendezvous.h"
#include "gguf/input.h"
#include "system/socket.h"
#include "system/tls.h"

namespace yoke::cluster {

class PatientStream;
struct PieceRequest;

/// Serves whoever has the job's key and knows the job (model_wire.h): each connection by a thread of its own,
/// which reads ahead of the reader as far as the connection takes it. Ranks that read at the same time read
/// the same stretch of the file, so the disk gives each byte once.
class ModelServer {
 public:
  /// The files behind `door`; at most so many connections at once, others are dropped.
  ModelServer(std::vector<std::unique_ptr<const gguf::Input>> files, Door door, std::size_t most_connections);
  /// Ends the connections there are.
  ~ModelServer();
  ModelServer(const ModelServer&) = delete;
  ModelServer& operator=(const ModelServer&) = delete;

  const Invitation& invitation() const { return door_.invitation; }
  std::vector<gguf::FileVersion> versions() const;

 private:
  struct Connection {
    std::thread thread;
    bool over = false;
  };
  void listen();
  void forget_those_over();
  void serve(FileDescriptor socket) const;
  void answer(PatientStream& reader, const PieceRequest& request) const;

  const Door door_;
  const std::size_t most_connections_;
  const std::vector<std::unique_ptr<const gguf::Input>> files_;
  system::Tls tls_;
  system::Alarm stop_;
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::thread listener_;
};

}  // namespace yoke::cluster
