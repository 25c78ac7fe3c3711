#include "cluster/remote_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <random>
#include <thread>

#include "cluster/model_server.h"
#include "common/error_of.h"
#include "common/scratch.h"
#include "gguf/input_file.h"

namespace yoke::cluster {
namespace {

using gguf::EvenPieces;
using testing::AllOf;
using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

Bytes random_bytes(std::size_t n, unsigned seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(n);
  for (std::size_t i = 0; i + 8 <= n; i += 8) {
    const std::uint64_t value = random();
    std::memcpy(bytes.data() + i, &value, 8);
  }
  return bytes;
}

Bytes pieces_of(const Bytes& file, const EvenPieces& pieces) {
  Bytes found;
  for (std::uint64_t i = 0; i < pieces.n; ++i) {
    const auto from = file.begin() + static_cast<std::ptrdiff_t>(pieces.offset + i * pieces.stride);
    found.insert(found.end(), from, from + static_cast<std::ptrdiff_t>(pieces.bytes));
  }
  return found;
}

Bytes read(const gguf::Input& input, const EvenPieces& pieces) {
  Bytes to(pieces.n * pieces.bytes);
  input.read_pieces(pieces, to);
  return to;
}

/// Passes bytes on between a server and whoever connects to `port()`, as long as `treat` lets it: that is
/// given what the server says, and how much it had said on this connection before, and returns whether to go
/// on.
class Between {
 public:
  using Treat = std::function<bool(std::span<char> said, std::uint64_t before)>;

  Between(std::uint16_t server, Treat treat)
      : server_(server), treat_(std::move(treat)), listener_(system::listen_tcp("127.0.0.1", 0)) {
    thread_ = std::thread([this] { run(); });
  }
  ~Between() {
    stop_.signal();
    thread_.join();
    for (std::thread& each : passing_) each.join();
  }
  std::uint16_t port() const { return listener_.port; }

 private:
  void run() {
    while (true) {
      std::array<pollfd, 2> polled{pollfd{listener_.socket.get(), POLLIN, 0}, pollfd{stop_.fd(), POLLIN, 0}};
      ::poll(polled.data(), polled.size(), -1);
      if (polled[1].revents != 0) return;
      if (FileDescriptor client = system::accept_connection(listener_.socket)) {
        passing_.emplace_back([this, socket = std::move(client)] { pass(socket); });
      }
    }
  }
  void pass(const FileDescriptor& client) {
    const FileDescriptor server = system::begin_connect_tcp("127.0.0.1", server_);
    std::uint64_t said = 0;
    std::vector<char> chunk(16384);
    while (true) {
      std::array<pollfd, 3> polled{pollfd{client.get(), POLLIN, 0}, pollfd{server.get(), POLLIN, 0},
                                   pollfd{stop_.fd(), POLLIN, 0}};
      ::poll(polled.data(), polled.size(), -1);
      if (polled[2].revents != 0) return;
      for (const bool from_server : {false, true}) {
        if (polled[from_server ? 1 : 0].revents == 0) continue;
        const ssize_t n =
            ::recv(from_server ? server.get() : client.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (n < 0) continue;
        if (n == 0) return;
        const std::span<char> part = std::span(chunk).first(static_cast<std::size_t>(n));
        if (from_server && !treat_(part, said)) return;
        if (from_server) said += part.size();
        send_all(from_server ? client : server, part);
      }
    }
  }
  static void send_all(const FileDescriptor& to, std::span<const char> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
      if (n < 0 && errno != EAGAIN) return;
      pollfd ready{to.get(), POLLOUT, 0};
      if (n < 0) ::poll(&ready, 1, 1000);
    }
  }

  const std::uint16_t server_;
  const Treat treat_;
  const system::TcpListener listener_;
  const system::Alarm stop_;
  std::thread thread_;
  std::vector<std::thread> passing_;
};

class RemoteModelTest : public testing::Test {
 protected:
  static constexpr std::size_t size = 6'000'000;

  RemoteModelTest() {
    write_file(path_, {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
    serve();
  }
  void serve() {
    const std::vector<runtime::Place> places{{0, "node1", "m", "n", 100, 1, {}, 1},
                                             {1, "node2", "m", "n", 101, 1, {}, 1}};
    std::vector<std::unique_ptr<const gguf::Input>> files;
    files.push_back(std::make_unique<const gguf::InputFile>(path_));
    server_ = std::make_unique<ModelServer>(std::move(files), open_door(places, {}), 8);
  }
  ModelInvitation invitation() const { return {server_->invitation(), {path_}, server_->versions()}; }
  static std::shared_ptr<RemoteModel> remote(const ModelInvitation& invitation) {
    return std::make_shared<RemoteModel>(invitation, link_key(invitation.at, {}), "node1", nullptr);
  }
  std::unique_ptr<const gguf::Input> open() const { return remote(invitation())->open(path_); }
  /// The same through somebody who does as `treat` says.
  std::unique_ptr<const gguf::Input> open_through(const Between& between) const {
    ModelInvitation elsewhere = invitation();
    elsewhere.at.port = between.port();
    return remote(elsewhere)->open(path_);
  }

  ScratchFolder folder_;
  const std::string path_ = folder_ / "model.gguf";
  const Bytes bytes_ = random_bytes(size, 1);
  std::unique_ptr<ModelServer> server_;
};

TEST_F(RemoteModelTest, GivesWhatTheFileHas) {
  const auto input = open();
  EXPECT_TRUE(input->is_far());
  EXPECT_EQ(input->bytes(), size);
  for (const EvenPieces& pieces : {EvenPieces{0, 1, 1, 1}, EvenPieces{5, 1000, 1000, 5000},
                                   EvenPieces{7, 100, 1000, 5000}, EvenPieces{0, 300, 100'000, 50},
                                   EvenPieces{1, 2'000'000, 2'000'000, 2}, EvenPieces{size - 8, 8, 9, 1}}) {
    EXPECT_EQ(read(*input, pieces), pieces_of(bytes_, pieces));
  }
  Bytes start(5'000'000);
  input->read(0, start);
  EXPECT_TRUE(std::equal(start.begin(), start.end(), bytes_.begin()));
}

TEST_F(RemoteModelTest, WhatAFileBeginsWithIsFetchedOnce) {
  const std::shared_ptr<RemoteModel> shared = remote(invitation());
  const auto one = shared->open(path_), other = shared->open(path_);
  Bytes start(3'000'000), again(2'000'000);
  one->read(0, start);
  const std::uint64_t fetched = one->fetched();
  EXPECT_EQ(fetched, start.size());
  other->read(500'000, again);
  EXPECT_TRUE(std::equal(again.begin(), again.end(), bytes_.begin() + 500'000));
  EXPECT_EQ(other->fetched(), fetched);
}

TEST_F(RemoteModelTest, ThreadsReadWhatTheyExpectedAndWhatTheyDidNot) {
  const auto input = open();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (unsigned t = 0; t < 9; ++t) {  // more than there are connections
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int round = 0; round < 20; ++round) {
        const std::uint64_t bytes = 1 + random() % 3000, stride = bytes + random() % 2000;
        const EvenPieces all{random() % 1000, bytes, stride, 1 + random() % 1000};
        if (random() % 4 != 0) input->expect_pieces(all);
        std::uint64_t first = 0;
        while (first < all.n && random() % 20 != 0) {  // or leaves the rest
          const EvenPieces some = all.part(first, std::min<std::uint64_t>(1 + random() % 300, all.n - first));
          if (read(*input, some) != pieces_of(bytes_, some)) ++wrong;
          first += some.n;
        }
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(RemoteModelTest, AByteThatTheNetworkHasFlippedIsFoundAndAskedForAgain) {
  std::atomic<int> flips = 0;
  const Between between(server_->invitation().port, [&](std::span<char> said, std::uint64_t before) {
    if (before > 1'500'000 && flips.exchange(1) == 0) said.front() = static_cast<char>(said.front() ^ 4);
    return true;
  });
  const auto input = open_through(between);
  const EvenPieces pieces{3, 900, 1000, 5500};
  input->expect_pieces(pieces);
  EXPECT_EQ(read(*input, pieces), pieces_of(bytes_, pieces));
  EXPECT_EQ(flips, 1);
  EXPECT_EQ(input->fetched(), 900U * 5500);
}

TEST_F(RemoteModelTest, AConnectionThatBreaksIsMadeAnew) {
  std::atomic<int> cuts = 0;
  const Between between(server_->invitation().port, [&](std::span<char>, std::uint64_t before) {
    return before < 800'000 || cuts.fetch_add(1) >= 3;
  });
  const auto input = open_through(between);
  EXPECT_EQ(read(*input, {0, 1000, 1000, 5000}), pieces_of(bytes_, {0, 1000, 1000, 5000}));
  EXPECT_GE(cuts, 3);
}

TEST_F(RemoteModelTest, ASourceThatIsGoneIsASentence) {
  const auto input = open();
  read(*input, {0, 1000, 1000, 50});
  server_.reset();
  EXPECT_THAT(error_of([&] {
                read(*input, {0, 1000, 1000, 5000});
              }),
              HasSubstr("the model cannot be read from node1: "));
  EXPECT_THAT(error_of([&] {
                read(*input, {0, 1000, 1000, 5000});
              }),
              HasSubstr("the model cannot be read from node1"));
}

TEST_F(RemoteModelTest, AFileThatWasWrittenToIsASentence) {
  const auto input = open();
  read(*input, {0, 1000, 1000, 5});
  write_file(path_, "short");
  EXPECT_THAT(error_of([&] {
                read(*input, {0, 1000, 1000, 5000});
              }),
              AllOf(HasSubstr("node1, which has the model, cannot read it: "), HasSubstr("has shrunk")));
}

TEST_F(RemoteModelTest, WhatNoFileHasIsASentence) {
  const auto input = open();
  EXPECT_THAT(error_of([&] {
                read(*input, {size - 10, 100, 100, 1});
              }),
              HasSubstr("node1, which has the model"));
  const auto other = open();
  EXPECT_THAT(error_of([&] {
                read(*other, {0, 17'000'000, 17'000'000, 1});
              }),
              HasSubstr("pieces of 17000000 bytes were asked for"));
  EXPECT_THAT(error_of([&] { remote(invitation())->open("/elsewhere.gguf"); }),
              HasSubstr("/elsewhere.gguf: node1 has no such file"));
}

TEST_F(RemoteModelTest, WhoHasNotTheKeyOrTheJobGetsNothing) {
  const auto strange =
      std::make_shared<RemoteModel>(invitation(), system::Secret::random(), "node1", nullptr);
  EXPECT_THAT(error_of([&] {
                read(*strange->open(path_), {0, 1, 1, 1});
              }),
              HasSubstr("cannot be read from node1"));
  ModelInvitation other = invitation();
  ++other.at.job;
  EXPECT_THAT(error_of([&] {
                read(*remote(other)->open(path_), {0, 1, 1, 1});
              }),
              HasSubstr("cannot be read from node1"));
  EXPECT_EQ(read(*open(), {0, 8, 8, 1}), pieces_of(bytes_, {0, 8, 8, 1}));
}

}  // namespace
}  // namespace yoke::cluster
