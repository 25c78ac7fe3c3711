// The packed weights of one rank, kept on disk from one start to the next.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "gguf/reader.h"
#include "model/packed_store.h"
#include "shards/shard_header.h"

namespace yoke::shards {

/// The key for a rank of this program, which packs as its kernels read.
ShardKey shard_key(const gguf::Model& model, int rank, int ranks);

/// One start's use of a rank's shard: what is there is read and checked; where any of it is missing, stale or
/// damaged, write() replaces it once all is loaded. Trouble with the shard is never the start's: it ends up
/// in notices().
class ShardCache final : public model::PackedStore {
 public:
  /// The folder is made where it does not exist. At most `bound` bytes of shards are kept in it. The pool
  /// reads and checks; it outlives this.
  ShardCache(const std::filesystem::path& folder, std::uint64_t bound, ShardKey key, ThreadPool& pool);

  bool fill(const std::string& name, std::span<std::byte> to, const Filled& filled) override;
  void keep(const std::string& name, std::span<const std::byte> packed) override;

  /// Whether there is a shard and all that was read of it so far was sound.
  bool sound() const { return shard_ != nullptr; }
  /// Writes a shard of all that was filled or kept, which is still in place, unless the one there has just
  /// that. `progress` gets the bytes written and all of them, and ends the writing by an exception.
  void write(const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

  /// The same where a file of the folder holds all that already: it becomes the shard, or goes.
  void adopt(const std::filesystem::path& file, std::uint64_t bytes);

  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_written() const { return bytes_written_; }
  /// One sentence for each thing that was wrong.
  const std::vector<std::string>& notices() const { return notices_; }
  void note(std::string sentence) { notices_.push_back(std::move(sentence)); }

 private:
  struct Matrix {
    std::string name;
    std::span<const std::byte> bytes;
  };
  struct Shard {
    gguf::InputFile file;
    ShardHeader header;
    std::map<std::string, std::size_t, std::less<>> by_name;  // indices of matrices
  };
  void open();
  const ShardMatrix* find(const std::string& name, std::uint64_t bytes);
  std::string read(const ShardMatrix& matrix, std::span<std::byte> to, const Filled& filled) const;
  void give_up(const std::string& why);
  bool is_complete() const;
  ShardHeader describe() const;
  void write_file(const std::function<void(std::uint64_t, std::uint64_t)>& progress);

  const std::filesystem::path path_;
  const std::uint64_t bound_;
  const ShardKey key_;
  ThreadPool& pool_;
  std::unique_ptr<Shard> shard_;
  std::vector<Matrix> matrices_;  // in the order of the loading
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::vector<std::string> notices_;
};

}  // namespace yoke::shards
