#include "cluster/remote_model.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "cluster/model_wire.h"
#include "cluster/patient_stream.h"

namespace yoke::cluster {
namespace {

constexpr std::chrono::milliseconds connection_patience{5000};
constexpr std::chrono::milliseconds reading_patience{30000};
constexpr std::chrono::milliseconds retry_pause{200};
constexpr int most_connections = 4;
constexpr int most_attempts = 4;  // at the same bytes

/// What the server has to say in place of what was asked for: to ask again is of no use.
class ServerTrouble : public Error {
 public:
  using Error::Error;
};

}  // namespace

/// One conversation with the server.
class RemoteModel::Connection {
 public:
  Connection(std::unique_ptr<system::TlsStream> stream, const system::Alarm& stop)
      : stream_(std::move(stream), stop, connection_patience) {}

  void begin(std::uint64_t job) {
    stream_.wait_until_connected();
    stream_.shake_hands();
    stream_.send(std::as_bytes(std::span(&job, 1)));
    stream_.set_patience(reading_patience);
  }
  void ask(const PieceRequest& request) {
    ByteWriter writer;
    writer(request);
    stream_.send(writer.take());
  }
  /// The next frame, of so many bytes at most.
  void receive_frame(std::vector<std::byte>& bytes, std::uint64_t most) {
    std::vector<std::byte> head(piece_frame_bytes);
    stream_.receive(head);
    PieceFrame frame;
    ByteReader(head, "a frame")(frame);
    if (frame.bytes == trouble) throw ServerTrouble(receive_sentence(frame.checksum));
    require(frame.bytes > 0 && frame.bytes <= most, "it sent {} bytes where {} are expected at most",
            frame.bytes, most);
    bytes.resize(frame.bytes);
    stream_.receive(bytes);
    require(frame_checksum(bytes) == frame.checksum, "what it sent arrived damaged: a checksum differs");
  }

 private:
  std::string receive_sentence(std::uint64_t length) {
    require(length <= longest_trouble, "it sent a sentence of {} bytes", length);
    std::string sentence(length, ' ');
    stream_.receive(std::as_writable_bytes(std::span(sentence)));
    return printable(sentence);
  }

  PatientStream stream_;
};

/// The right to have a connection. Waits until there is one to be had.
class RemoteModel::Lease {
 public:
  explicit Lease(RemoteModel& model) : model_(model) {
    std::unique_lock lock(model_.mutex_);
    model_.changed_.wait(lock, [this] { return model_.failed_ || model_.leases_ < most_connections; });
    require(!model_.failed_, "the model cannot be read from {}", model_.whom_);
    ++model_.leases_;
    if (model_.idle_.empty()) return;
    connection_ = std::move(model_.idle_.back());
    model_.idle_.pop_back();
  }
  ~Lease() {
    const std::lock_guard lock(model_.mutex_);
    --model_.leases_;
    if (connection_) model_.idle_.push_back(std::move(connection_));
    model_.changed_.notify_one();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Connection& connection() {
    if (!connection_) connection_ = model_.connect();
    return *connection_;
  }
  void drop_connection() { connection_.reset(); }

 private:
  RemoteModel& model_;
  std::unique_ptr<Connection> connection_;
};

/// Pieces that one thread reads from front to back, asked for at once.
class RemoteModel::Flow {
 public:
  Flow(RemoteModel& model, std::uint32_t file, const gguf::EvenPieces& pieces)
      : model_(model), lease_(model), file_(file), left_(pieces) {
    retry([] {});  // it is on its way before it is read
  }
  ~Flow() {
    if (!done()) lease_.drop_connection();  // what it still brings is nobody's
  }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  bool done() const { return left_.n == 0; }
  bool goes_on_with(std::uint32_t file, const gguf::EvenPieces& pieces) const {
    return file_ == file && left_.offset == pieces.offset && left_.bytes == pieces.bytes &&
           (left_.stride == pieces.stride || pieces.n == 1) && left_.n >= pieces.n;
  }

  /// The next pieces, as many as go into `to`.
  void read(std::span<std::byte> to) {
    while (!to.empty()) {
      if (used_ == frame_.size()) {
        retry([this] {
          const std::uint64_t most = std::min(left_.n, pieces_of_frame(left_.bytes)) * left_.bytes;
          lease_.connection().receive_frame(frame_, most);
          require(frame_.size() % left_.bytes == 0, "it sent a part of a piece");
          used_ = 0;
        });
        if (model_.pulse_ != nullptr) model_.pulse_->tick();
      }
      const std::size_t n = std::min(to.size(), frame_.size() - used_);
      std::memcpy(to.data(), frame_.data() + used_, n);
      used_ += n;
      to = to.subspan(n);
      model_.fetched_[file_] += n;
      left_ = left_.part(n / left_.bytes, left_.n - n / left_.bytes);
    }
  }

 private:
  /// Does it once what is left has been asked for, and again where the connection breaks.
  template <class Act>
  void retry(Act act) {
    for (int attempt = 1;; ++attempt) {
      try {
        if (!asked_) lease_.connection().ask({file_, left_});
        asked_ = true;
        return act();
      } catch (const ServerTrouble& error) {
        model_.give_up(
            fmt::format("{}, which has the model, cannot read it: {}", model_.whom_, error.what()));
      } catch (const Error& error) {
        lease_.drop_connection();
        asked_ = false;
        frame_.clear();
        used_ = 0;
        if (attempt == most_attempts)
          model_.give_up(fmt::format("the model cannot be read from {}: {}", model_.whom_, error.what()));
        ::poll(nullptr, 0, static_cast<int>(retry_pause.count()));
      }
    }
  }

  RemoteModel& model_;
  Lease lease_;
  const std::uint32_t file_;
  gguf::EvenPieces left_;  // that nobody has got yet
  bool asked_ = false;
  std::vector<std::byte> frame_;
  std::size_t used_ = 0;  // of the frame
};

/// What a Model reads.
class RemoteModel::File final : public gguf::Input {
 public:
  File(std::shared_ptr<RemoteModel> model, std::uint32_t number)
      : model_(std::move(model)), number_(number) {}

  const std::string& name() const override { return model_->invitation_.names[number_]; }
  const gguf::FileVersion& version() const override { return model_->invitation_.versions[number_]; }
  bool is_far() const override { return true; }
  std::uint64_t fetched() const override { return model_->fetched_[number_]; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override {
    model_->read(number_, offset, to);
  }
  void read_pieces(const gguf::EvenPieces& pieces, std::span<std::byte> to) const override {
    model_->read_pieces(number_, pieces, to);
  }
  void expect_pieces(const gguf::EvenPieces& pieces) const override { model_->expect(number_, pieces); }

 private:
  std::shared_ptr<RemoteModel> model_;
  std::uint32_t number_;
};

RemoteModel::RemoteModel(ModelInvitation invitation, const system::Secret& key, std::string whom,
                         Pulse* pulse)
    : invitation_(std::move(invitation)),
      whom_(std::move(whom)),
      pulse_(pulse),
      tls_(key),
      fetched_(invitation_.names.size()),
      starts_(invitation_.names.size()) {
  require(!invitation_.names.empty() && invitation_.names.size() == invitation_.versions.size(),
          "{} spoke of {} files of the model, and of {}", whom_, invitation_.names.size(),
          invitation_.versions.size());
}

RemoteModel::~RemoteModel() = default;

std::unique_ptr<const gguf::Input> RemoteModel::open(const std::string& name) {
  const auto found = std::find(invitation_.names.begin(), invitation_.names.end(), name);
  require(found != invitation_.names.end(), "{}: {} has no such file of the model", name, whom_);
  return std::make_unique<const File>(shared_from_this(),
                                      static_cast<std::uint32_t>(found - invitation_.names.begin()));
}

/// What a file begins with is asked for several times, and kept.
void RemoteModel::read(std::uint32_t file, std::uint64_t offset, std::span<std::byte> to) {
  std::vector<std::byte>& start = starts_[file];
  std::unique_lock lock(mutex_);
  if (offset + to.size() <= start.size()) {
    std::memcpy(to.data(), start.data() + offset, to.size());
    return;
  }
  const bool goes_on = offset == start.size();
  lock.unlock();
  for (std::uint64_t done = 0; done < to.size();) {
    const std::uint64_t n = std::min<std::uint64_t>(usual_frame, to.size() - done);
    read_pieces(file, {offset + done, n, n, 1}, to.subspan(done, n));
    done += n;
  }
  lock.lock();
  if (goes_on && offset == start.size()) start.insert(start.end(), to.begin(), to.end());
}

std::uint64_t RemoteModel::fetched() const {
  return std::accumulate(fetched_.begin(), fetched_.end(), std::uint64_t{0});
}

void RemoteModel::close() {
  std::map<std::thread::id, std::unique_ptr<Flow>> flows;
  std::vector<std::unique_ptr<Connection>> connections;
  {
    const std::lock_guard lock(mutex_);
    flows.swap(flows_);
  }
  flows.clear();  // which gives back what it leases
  const std::lock_guard lock(mutex_);
  connections.swap(idle_);
  for (std::vector<std::byte>& start : starts_) start = {};
}

/// The one that the calling thread reads, which is its own from here on.
std::unique_ptr<RemoteModel::Flow> RemoteModel::take_flow() {
  const std::lock_guard lock(mutex_);
  const auto found = flows_.find(std::this_thread::get_id());
  return found == flows_.end() ? nullptr : std::move(found->second);
}

void RemoteModel::expect(std::uint32_t file, const gguf::EvenPieces& pieces) {
  if (pieces.n == 0) return;
  take_flow();  // one that was not read to its end goes
  auto flow = std::make_unique<Flow>(*this, file, pieces);
  const std::lock_guard lock(mutex_);
  flows_[std::this_thread::get_id()] = std::move(flow);
}

void RemoteModel::read_pieces(std::uint32_t file, const gguf::EvenPieces& pieces, std::span<std::byte> to) {
  if (pieces.n == 0) return;
  std::unique_ptr<Flow> flow = take_flow();
  if (!flow || !flow->goes_on_with(file, pieces)) {
    flow.reset();  // before another waits for a connection
    flow = std::make_unique<Flow>(*this, file, pieces);
  }
  flow->read(to);
  if (flow->done()) return;
  const std::lock_guard lock(mutex_);
  flows_[std::this_thread::get_id()] = std::move(flow);
}

void RemoteModel::give_up(const std::string& sentence) {
  {
    const std::lock_guard lock(mutex_);
    failed_ = true;
  }
  changed_.notify_all();
  throw Error(sentence);
}

/// By whichever of the addresses leads there.
std::unique_ptr<RemoteModel::Connection> RemoteModel::connect() {
  std::string why = "it has no address";
  for (const std::string& address : invitation_.at.addresses) {
    try {
      FileDescriptor socket = system::begin_connect_tcp(address, invitation_.at.port);
      require(static_cast<bool>(socket), "{}", last_system_error());
      auto connection = std::make_unique<Connection>(tls_.connect(std::move(socket)), stop_);
      connection->begin(invitation_.at.job);
      return connection;
    } catch (const Error& error) {
      why = fmt::format("{} (TCP port {} of {})", error.what(), invitation_.at.port, address);
    }
  }
  throw Error(why);
}

}  // namespace yoke::cluster
