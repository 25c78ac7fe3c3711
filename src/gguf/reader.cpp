#include "gguf/reader.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <numeric>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/printable.h"
#include "gguf/input_file.h"
#include "gguf/split_name.h"
#include "gguf/wire.h"

namespace yoke::gguf {
namespace {

/// One file, and what its header says.
struct OpenFile {
  std::filesystem::path path;
  std::unique_ptr<const Input> input;
  Header header;
};

/// Reads as much of the file as its header needs, and not the whole of it for a count or a length that is
/// nonsense.
Header read_header(const Input& file) {
  constexpr std::uint64_t first_piece = std::uint64_t{1} << 20;
  constexpr std::uint64_t largest_header = std::uint64_t{1} << 30;  // the largest known have some tens of MB
  std::vector<std::byte> start;
  const auto read_start = [&](std::uint64_t bytes) {
    require(bytes <= largest_header, "{}: its header would have {} bytes or more, expected at most {}",
            file.name(), bytes, largest_header);
    const std::size_t had = start.size();
    start.resize(std::min(file.bytes(), std::max({bytes, 2 * had, first_piece})));
    file.read(had, std::span(start).subspan(had));
    return std::span<const std::byte>(start);
  };
  return parse_header(read_start, file.bytes(), file.name());
}

std::unique_ptr<const Input> open_input(const std::filesystem::path& path, const Opener& opener) {
  if (opener) return opener(path);
  return std::make_unique<const InputFile>(path);
}

OpenFile open_file(const std::filesystem::path& path, const Opener& opener) {
  std::unique_ptr<const Input> input = open_input(path, opener);
  Header header = read_header(*input);
  return {path, std::move(input), std::move(header)};
}

void check_split_value(const OpenFile& file, std::string_view key, std::int64_t expected,
                       std::string_view reason) {
  const std::int64_t found = file.header.metadata.integer(key);
  require(found == expected, "{}: the metadata key '{}' is {}, expected {}: {}", file.path.string(), key,
          found, expected, reason);
}

/// The parts' own words against their names and what they hold.
void check_parts(const std::vector<OpenFile>& files) {
  const std::int64_t n_files = std::ssize(files);
  std::int64_t n_tensors = 0;
  for (const OpenFile& file : files) n_tensors += std::ssize(file.header.tensors);
  for (std::int64_t i = 0; i < n_files; ++i) {
    const OpenFile& file = files[static_cast<std::size_t>(i)];
    check_split_value(file, split_count_key, n_files, "the file's name says so");
    check_split_value(file, split_number_key, i, "the file's name says so, counted from 1");
    check_split_value(file, split_tensors_key, n_tensors, "so many tensors are in all parts together");
  }
}

std::vector<OpenFile> open_parts(const std::filesystem::path& path, const SplitName& name,
                                 const Opener& opener) {
  open_input(path, opener);  // its own trouble is told before that of its siblings
  std::vector<OpenFile> files;
  for (int number = 1; number <= name.count; ++number) {
    const std::filesystem::path part = name.part(number);
    std::error_code error;
    require(opener || std::filesystem::exists(part, error), "{}: is part {} of {}, but {} is missing",
            path.string(), name.number, name.count, part.string());
    files.push_back(open_file(part, opener));
  }
  // A model in one part needs no split metadata.
  if (name.count > 1 || files[0].header.metadata.has(split_count_key)) check_parts(files);
  return files;
}

std::vector<OpenFile> open_files(const std::filesystem::path& path, const Opener& opener) {
  if (const std::optional<SplitName> name = parse_split_name(path)) return open_parts(path, *name, opener);
  std::vector<OpenFile> files;
  files.push_back(open_file(path, opener));
  const std::int64_t count = files[0].header.metadata.integer_or(split_count_key, 1);
  require(count <= 1,
          "{}: is one of {} parts of a split model (metadata key '{}'), but its name does not tell which: "
          "expected "
          "NAME-00001-of-{:05}.gguf",
          path.string(), count, split_count_key, count);
  return files;
}

/// The tensors' indices in order of their names; refuses a name that two files hold.
std::vector<std::size_t> index_by_name(const std::vector<TensorInfo>& tensors,
                                       const std::vector<OpenFile>& files) {
  std::vector<std::size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(tensors[a].name, a) < std::tie(tensors[b].name, b);
  });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const TensorInfo& first = tensors[order[i - 1]];
    const TensorInfo& second = tensors[order[i]];
    if (first.name == second.name) {
      const auto path_of = [&](const TensorInfo& tensor) {
        return files[static_cast<std::size_t>(tensor.file)].path.string();
      };
      fail("{}: tensor '{}' is in {} as well", path_of(second), printable(first.name), path_of(first));
    }
  }
  return order;
}

}  // namespace

Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::open(const std::filesystem::path& path, const Opener& opener) {
  std::vector<OpenFile> files = open_files(path, opener);
  Model model;
  model.path_ = files[0].path;
  model.version_ = files[0].header.version;
  model.metadata_ = std::move(files[0].header.metadata);
  for (OpenFile& file : files) {
    for (TensorInfo& tensor : file.header.tensors) {
      tensor.file = static_cast<int>(model.inputs_.size());
      model.tensors_.push_back(std::move(tensor));
    }
    model.inputs_.push_back(std::move(file.input));
  }
  model.by_name_ = index_by_name(model.tensors_, files);
  return model;
}

int Model::files() const { return static_cast<int>(inputs_.size()); }

std::uint64_t Model::file_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& input : inputs_) bytes += input->bytes();
  return bytes;
}

std::vector<FileVersion> Model::versions() const {
  std::vector<FileVersion> versions;
  for (const auto& input : inputs_) versions.push_back(input->version());
  return versions;
}

std::vector<std::string> Model::names() const {
  std::vector<std::string> names;
  for (const auto& input : inputs_) names.push_back(input->name());
  return names;
}

bool Model::is_far() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const auto& input) { return input->is_far(); });
}

const TensorInfo* Model::find(std::string_view name) const {
  const auto found =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](std::size_t i, std::string_view n) { return tensors_[i].name < n; });
  return found != by_name_.end() && tensors_[*found].name == name ? &tensors_[*found] : nullptr;
}

const Input& Model::input(int file) const {
  assert(file >= 0 && file < files());
  return *inputs_[static_cast<std::size_t>(file)];
}

const Input& Model::input(const TensorInfo& tensor) const { return input(tensor.file); }

void Model::read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> to) const {
  assert(offset <= tensor.bytes && to.size() <= tensor.bytes - offset);
  input(tensor).read(tensor.offset + offset, to);
}

std::vector<std::byte> Model::read(const TensorInfo& tensor) const {
  std::vector<std::byte> bytes(tensor.bytes);
  read(tensor, 0, bytes);
  return bytes;
}

void Model::expect(const TensorInfo& tensor, std::uint64_t offset, std::uint64_t bytes) const {
  assert(offset <= tensor.bytes && bytes <= tensor.bytes - offset);
  input(tensor).expect(tensor.offset + offset, bytes);
}

std::uint64_t Model::fetched() const {
  std::uint64_t bytes = 0;
  for (const auto& input : inputs_) bytes += input->fetched();
  return bytes;
}

void Model::read_pieces(const TensorInfo& tensor, const EvenPieces& pieces, std::span<std::byte> to) const {
  EvenPieces in_file = pieces;
  in_file.offset += tensor.offset;
  input(tensor).read_pieces(in_file, to);
}

void Model::expect_pieces(const TensorInfo& tensor, const EvenPieces& pieces) const {
  EvenPieces in_file = pieces;
  in_file.offset += tensor.offset;
  input(tensor).expect_pieces(in_file);
}

void Model::check_unchanged() const {
  for (const auto& input : inputs_) input->check_unchanged();
}

}  // namespace yoke::gguf
