#include "cluster/protocol.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/saturating.h"
#include "runtime/wire.h"

namespace yoke::cluster {

void fields(auto& archive, Is<Hello> auto& m) { archive(m.build.protocol, m.build.commit, m.rank, m.job); }
void fields(auto& archive, Is<RanksMet> auto& m) { archive(m.places); }
void fields(auto& archive, Is<Fetched> auto& m) { archive(m.from, m.bytes); }
void fields(auto& archive, Is<LoadProgress> auto& m) { archive(m.done, m.total, m.fetched); }
void fields(auto& archive, Is<GroupProgress> auto& m) { archive(m.all, m.ranks, m.slowest, m.slowest_rank); }
void fields(auto& archive, Is<Ready> auto& m) { archive(m.info); }
void fields(auto& archive, Is<Submit> auto& m) { archive(m.request); }
void fields(auto& archive, Is<Cancel> auto& m) { archive(m.request); }
void fields(auto&, Is<AskReports> auto&) {}
void fields(auto& archive, Is<Reports> auto& m) { archive(m.ranks); }
void fields(auto&, Is<AskRooflines> auto&) {}
void fields(auto& archive, Is<Rooflines> auto& m) { archive(m.ranks); }
void fields(auto& archive, Is<Heartbeat> auto& m) {
  archive(m.beat.phase, m.beat.finished, m.beat.ticks, m.beat.looks);
}
void fields(auto&, Is<Wake> auto&) {}
void fields(auto& archive, Is<Failure> auto& m) { archive(m.sentence); }
void fields(auto&, Is<Goodbye> auto&) {}

namespace {

template <class Conversation, std::size_t... Index>
Conversation decode_kind(std::size_t kind, ByteReader& reader, std::index_sequence<Index...>) {
  Conversation message;
  const auto decode_as = [&](auto& alternative) {
    reader(alternative);
    reader.end();
  };
  const bool known = ((kind == Index && (decode_as(message.template emplace<Index>()), true)) || ...);
  require(known, "a message is of the unknown kind {}", kind);
  return message;
}

}  // namespace

GroupProgress summarise(std::span<const LoadProgress> ranks) {
  assert(!ranks.empty());
  // One that has not opened its file yet is behind all others.
  const auto share = [](const LoadProgress& one) {
    return one.total == 0 ? -1.0 : static_cast<double>(one.done) / static_cast<double>(one.total);
  };
  const auto slowest =
      std::min_element(ranks.begin(), ranks.end(),
                       [&](const LoadProgress& a, const LoadProgress& b) { return share(a) < share(b); });
  GroupProgress group{{},
                      static_cast<std::int32_t>(ranks.size()),
                      static_cast<std::int32_t>(slowest - ranks.begin()),
                      *slowest};
  std::map<std::int32_t, std::uint64_t> fetched;
  for (const LoadProgress& one : ranks) {
    group.all.done = saturating_sum(group.all.done, one.done);
    group.all.total = saturating_sum(group.all.total, one.total);
    for (const auto& [from, bytes] : one.fetched) fetched[from] = saturating_sum(fetched[from], bytes);
  }
  for (const auto& [from, bytes] : fetched) group.all.fetched.push_back({from, bytes});
  return group;
}

template <class Conversation>
std::vector<std::byte> encode(const Conversation& message) {
  ByteWriter writer;
  writer(std::uint32_t{0}, static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& alternative) { writer(alternative); }, message);
  std::vector<std::byte> frame = writer.take();
  const std::size_t length = frame.size() - sizeof(std::uint32_t);
  require(length <= max_frame_bytes, "a message of {} bytes exceeds the limit of {}", length,
          max_frame_bytes);
  const auto prefix = static_cast<std::uint32_t>(length);
  std::memcpy(frame.data(), &prefix, sizeof prefix);
  return frame;
}

template <class Conversation>
Conversation decode(std::span<const std::byte> frame) {
  require(!frame.empty(), "a message is empty");
  ByteReader reader(frame.subspan(1), "a message");
  return decode_kind<Conversation>(static_cast<std::size_t>(frame[0]), reader,
                                   std::make_index_sequence<std::variant_size_v<Conversation>>());
}

template std::vector<std::byte> encode(const Greeting&);
template std::vector<std::byte> encode(const ToEngine&);
template std::vector<std::byte> encode(const FromEngine&);
template std::vector<std::byte> encode(const ToFollower&);
template std::vector<std::byte> encode(const FromFollower&);
template Greeting decode(std::span<const std::byte>);
template ToEngine decode(std::span<const std::byte>);
template FromEngine decode(std::span<const std::byte>);
template ToFollower decode(std::span<const std::byte>);
template FromFollower decode(std::span<const std::byte>);

void FrameReader::feed(std::span<const std::byte> bytes) {
  if (begin_ > 0 && begin_ >= buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<std::span<const std::byte>> FrameReader::next() {
  const auto rest = std::span<const std::byte>(buffer_).subspan(begin_);
  std::uint32_t length = 0;
  if (rest.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, rest.data(), sizeof length);
  require(length >= 1 && length <= max_bytes_, "a message announces {} bytes where 1 to {} are allowed",
          length, max_bytes_);
  if (rest.size() < sizeof length + length) return std::nullopt;
  begin_ += sizeof length + length;
  return rest.subspan(sizeof length, length);
}

}  // namespace yoke::cluster
