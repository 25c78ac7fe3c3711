#include "cluster/protocol.h"

#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace yoke::cluster {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

// The fields of every message, once, for writing and for reading.
using namespace runtime;
template <class A, class M>
concept Is = std::is_same_v<std::remove_const_t<A>, M>;

void fields(auto& archive, Is<Hello> auto& m) { archive(m.version, m.rank, m.cookie); }
void fields(auto& archive, Is<RankPlace> auto& m) { archive(m.rank, m.host, m.pid, m.machine, m.network); }
void fields(auto& archive, Is<RanksMet> auto& m) { archive(m.places); }
void fields(auto& archive, Is<LoadProgress> auto& m) { archive(m.done, m.total); }
void fields(auto& archive, Is<Ready> auto& m) { archive(m.info.vocabulary, m.info.context); }
void fields(auto& archive, Is<Sampling> auto& m) { archive(m.temperature, m.seed); }
void fields(auto& archive, Is<Request> auto& m) {
  archive(m.id, m.prompt, m.max_tokens, m.sampling, m.stop_tokens, m.all_logits);
}
void fields(auto& archive, Is<Submit> auto& m) { archive(m.request); }
void fields(auto& archive, Is<Cancel> auto& m) { archive(m.request); }
void fields(auto&, Is<AskReports> auto&) {}
void fields(auto& archive, Is<RankReport> auto& m) {
  archive(m.rank, m.host, m.pid, m.threads, m.isa, m.weight_bytes, m.kv_bytes, m.share, m.load_seconds,
          m.compute_seconds, m.reduce_seconds, m.reduced_bytes);
}
void fields(auto& archive, Is<Reports> auto& m) { archive(m.ranks); }
void fields(auto& archive, Is<Invitation> auto& m) {
  archive(m.port, m.addresses, m.to_leader, m.from_leader);
}
void fields(auto& archive, Is<MemoryClaim> auto& m) {
  archive(m.rank, m.bytes, m.breakdown, m.available, m.limited_by);
}
void fields(auto&, Is<Heartbeat> auto&) {}
void fields(auto&, Is<Wake> auto&) {}
void fields(auto& archive, Is<Failure> auto& m) { archive(m.sentence); }
void fields(auto&, Is<Goodbye> auto&) {}
void fields(auto& archive, Is<TokenEvent> auto& m) { archive(m.request, m.token); }
void fields(auto& archive, Is<LogitsEvent> auto& m) { archive(m.request, m.first_position, m.logits); }
void fields(auto& archive, Is<Statistics> auto& m) {
  archive(m.prompt_tokens, m.generated_tokens, m.prompt_seconds, m.decode_seconds, m.reduced_bytes,
          m.reduce_seconds);
}
void fields(auto& archive, Is<DoneEvent> auto& m) { archive(m.request, m.reason, m.statistics); }
void fields(auto& archive, Is<RefusedEvent> auto& m) { archive(m.request, m.sentence); }

class Writer {
 public:
  template <class... Fields>
  void operator()(const Fields&... values) {
    (put(values), ...);
  }
  std::vector<std::byte> bytes;

 private:
  void put_raw(const void* data, std::size_t size) {
    if (size == 0) return;
    bytes.resize(bytes.size() + size);
    std::memcpy(bytes.data() + bytes.size() - size, data, size);
  }
  template <class List>
  void put_count(const List& list) {
    require(list.size() <= max_frame_bytes, "a message field of {} elements is too long to send",
            list.size());
    put(static_cast<std::uint32_t>(list.size()));
  }
  template <Number T>
  void put(const T& value) {
    put_raw(&value, sizeof value);
  }
  void put(const bool& value) { put(static_cast<std::uint8_t>(value)); }
  void put(const FinishReason& value) { put(static_cast<std::uint8_t>(value)); }
  void put(const Cookie& value) { put_raw(value.data(), value.size()); }
  void put(const std::string& value) {
    put_count(value);
    put_raw(value.data(), value.size());
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put_count(list);
    if constexpr (Number<T>) {
      put_raw(list.data(), list.size() * sizeof(T));
    } else {
      for (const T& element : list) put(element);
    }
  }
  template <class T>
  requires(std::is_class_v<T>) void put(const T& message) { fields(*this, message); }
};

class Parser {
 public:
  explicit Parser(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class... Fields>
  void operator()(Fields&... values) {
    (get(values), ...);
  }
  void end() const { require(bytes_.empty(), "a message has {} bytes too many", bytes_.size()); }

 private:
  void get_raw(void* to, std::size_t size) {
    require(size <= bytes_.size(), "a message ends after {} of the {} bytes of a field", bytes_.size(), size);
    if (size != 0) std::memcpy(to, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  /// A count whose elements take at least `element_bytes` each, so that a lying one cannot take memory.
  std::size_t get_count(std::size_t element_bytes) {
    std::uint32_t count = 0;
    get(count);
    require(count <= bytes_.size() / element_bytes, "a message announces {} elements in its last {} bytes",
            count, bytes_.size());
    return count;
  }
  template <Number T>
  void get(T& value) {
    get_raw(&value, sizeof value);
  }
  void get(bool& value) {
    std::uint8_t raw = 0;
    get(raw);
    require(raw <= 1, "a message has {} where a yes or no is expected", raw);
    value = raw == 1;
  }
  void get(FinishReason& value) {
    std::uint8_t raw = 0;
    get(raw);
    require(raw <= static_cast<std::uint8_t>(FinishReason::cancelled), "a message gives finish reason {}",
            raw);
    value = static_cast<FinishReason>(raw);
  }
  void get(Cookie& value) { get_raw(value.data(), value.size()); }
  void get(std::string& value) {
    value.resize(get_count(1));
    get_raw(value.data(), value.size());
  }
  template <class T>
  void get(std::vector<T>& list) {
    if constexpr (Number<T>) {
      list.resize(get_count(sizeof(T)));
      get_raw(list.data(), list.size() * sizeof(T));
    } else {
      // Every struct that is sent in lists starts with four bytes, a string with its count.
      for (std::size_t left = get_count(4); left > 0; --left) get(list.emplace_back());
    }
  }
  template <class T>
  requires(std::is_class_v<T>) void get(T& message) { fields(*this, message); }

  std::span<const std::byte> bytes_;
};

template <std::size_t... Index>
Message decode_kind(std::size_t kind, Parser& parser, std::index_sequence<Index...>) {
  Message message;
  const auto decode_as = [&](auto& alternative) {
    parser(alternative);
    parser.end();
  };
  const bool known = ((kind == Index && (decode_as(message.emplace<Index>()), true)) || ...);
  require(known, "a message is of the unknown kind {}", kind);
  return message;
}

}  // namespace

std::string describe(const RankPlace& place) {
  return fmt::format("rank {} (host {}, pid {})", place.rank, place.host, place.pid);
}

std::vector<std::byte> encode(const Message& message) {
  Writer writer;
  writer(std::uint32_t{0}, static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& alternative) { writer(alternative); }, message);
  const std::size_t length = writer.bytes.size() - sizeof(std::uint32_t);
  require(length <= max_frame_bytes, "a message of {} bytes exceeds the limit of {}", length,
          max_frame_bytes);
  const auto prefix = static_cast<std::uint32_t>(length);
  std::memcpy(writer.bytes.data(), &prefix, sizeof prefix);
  return std::move(writer.bytes);
}

Message decode(std::span<const std::byte> frame) {
  require(!frame.empty(), "a message is empty");
  Parser parser(frame.subspan(1));
  return decode_kind(static_cast<std::size_t>(frame[0]), parser,
                     std::make_index_sequence<std::variant_size_v<Message>>());
}

void FrameReader::feed(std::span<const std::byte> bytes) {
  if (begin_ > 0 && begin_ >= buffer_.size() / 2) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<Message> FrameReader::next() {
  const auto rest = std::span<const std::byte>(buffer_).subspan(begin_);
  std::uint32_t length = 0;
  if (rest.size() < sizeof length) return std::nullopt;
  std::memcpy(&length, rest.data(), sizeof length);
  require(length >= 1 && length <= max_bytes_, "a message announces {} bytes where 1 to {} are allowed",
          length, max_bytes_);
  if (rest.size() < sizeof length + length) return std::nullopt;
  begin_ += sizeof length + length;
  return decode(rest.subspan(sizeof length, length));
}

}  // namespace yoke::cluster
