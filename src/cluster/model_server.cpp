#include "cluster/model_server.h"

#include <poll.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "cluster/model_wire.h"
#include "cluster/patient_stream.h"

namespace yoke::cluster {
namespace {

constexpr std::chrono::milliseconds stranger_patience{2000};

std::vector<std::byte> encoded(const PieceFrame& frame) {
  ByteWriter writer;
  writer(frame);
  return writer.take();
}

void check(const PieceRequest& request, std::size_t files) {
  require(request.file < files, "file {} of {} was asked for", request.file, files);
  const gguf::EvenPieces& pieces = request.pieces;
  require(pieces.bytes > 0 && pieces.bytes <= largest_piece, "pieces of {} bytes were asked for",
          pieces.bytes);
  require(pieces.n <= 1 || pieces.stride >= pieces.bytes,
          "pieces of {} bytes were asked for at distances of {}", pieces.bytes, pieces.stride);
}

/// Says what is wrong, and ends the conversation.
void tell_trouble(PatientStream& reader, std::string sentence) {
  sentence.resize(std::min(sentence.size(), longest_trouble));
  reader.send(encoded({trouble, sentence.size()}));
  reader.send(std::as_bytes(std::span(sentence)));
}

}  // namespace

std::uint64_t frame_checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

ModelServer::ModelServer(std::vector<std::unique_ptr<const gguf::Input>> files, Door door,
                         std::size_t most_connections)
    : door_(std::move(door)), most_connections_(most_connections), files_(std::move(files)), tls_(door_.key) {
  listener_ = std::thread([this] { listen(); });
}

ModelServer::~ModelServer() {
  stop_.signal();
  listener_.join();
  for (Connection& each : connections_) each.thread.join();
}

std::vector<gguf::FileVersion> ModelServer::versions() const {
  std::vector<gguf::FileVersion> versions;
  for (const auto& file : files_) versions.push_back(file->version());
  return versions;
}

void ModelServer::listen() {
  std::vector<pollfd> polled{{stop_.fd(), POLLIN, 0}};
  for (const FileDescriptor& listener : door_.listeners) polled.push_back({listener.get(), POLLIN, 0});
  while (true) {
    ::poll(polled.data(), polled.size(), -1);
    if (polled.front().revents != 0) return;
    forget_those_over();
    for (const FileDescriptor& listener : door_.listeners) {
      FileDescriptor socket = system::accept_connection(listener);
      if (!socket || connections_.size() >= most_connections_) continue;
      Connection& added = connections_.emplace_back();
      try {
        added.thread = std::thread([this, &added, accepted = std::move(socket)]() mutable {
          try {
            serve(std::move(accepted));
          } catch (const std::exception&) {
            // A stranger, or a reader that is gone: others are not concerned, and a rank's end has its own
            // watchers.
          }
          const std::lock_guard lock(mutex_);
          added.over = true;
        });
      } catch (const std::system_error&) {
        connections_.pop_back();  // the system has no thread left: the reader calls again
      }
    }
  }
}

void ModelServer::forget_those_over() {
  const std::lock_guard lock(mutex_);
  for (auto next = connections_.begin(); next != connections_.end();) {
    const auto each = next++;
    if (!each->over) continue;
    each->thread.join();
    connections_.erase(each);
  }
}

void ModelServer::serve(FileDescriptor socket) const {
  std::unique_ptr<system::TlsStream> stream = tls_.accept(std::move(socket));
  std::uint64_t job = 0;
  PatientStream reader(std::move(stream), stop_, stranger_patience);
  reader.shake_hands();
  reader.receive(std::as_writable_bytes(std::span(&job, 1)));
  if (job != door_.invitation.job) return;
  reader.set_patience(std::nullopt);
  std::vector<std::byte> asked(piece_request_bytes);
  while (reader.receive_or_end(asked)) {
    PieceRequest request;
    ByteReader(asked, "a request for pieces")(request);
    answer(reader, request);
  }
}

void ModelServer::answer(PatientStream& reader, const PieceRequest& request) const {
  std::vector<std::byte> bytes;
  const gguf::EvenPieces& all = request.pieces;
  try {
    check(request, files_.size());
    const gguf::Input& file = *files_[request.file];
    const std::uint64_t at_once = pieces_of_frame(all.bytes);
    for (std::uint64_t first = 0; first < all.n; first += at_once) {
      const std::uint64_t n = std::min(at_once, all.n - first);
      bytes.resize(n * all.bytes);
      file.read_pieces(all.part(first, n), bytes);
      reader.send(encoded({static_cast<std::uint32_t>(bytes.size()), frame_checksum(bytes)}));
      reader.send(bytes);
    }
    file.check_unchanged();
  } catch (const Error& error) {
    tell_trouble(reader, error.what());
    throw;
  }
}

}  // namespace yoke::cluster
