#include "measure/distributions.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/error.h"
#include "base/saturating.h"

namespace yoke::measure {

void fields(auto& archive, Is<SavedRun> auto& m) {
  archive(m.vocabulary, m.window, m.windows, m.tokens, m.source);
}

namespace {

constexpr std::array<char, 8> magic{'y', 'o', 'k', 'e', 'd', 'i', 's', 't'};
constexpr std::uint32_t version = 1;
constexpr std::size_t fixed_bytes = sizeof magic + 2 * sizeof(std::uint32_t);
constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);
constexpr std::size_t longest_source = 1024;
constexpr std::uint16_t most_steps = std::numeric_limits<std::uint16_t>::max();

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

/// `bytes` and their checksum behind them.
std::vector<std::byte> sealed(std::vector<std::byte> bytes, std::uint64_t seed = 0) {
  ByteWriter writer;
  writer(checksum(bytes, seed));
  const std::vector<std::byte> sum = writer.take();
  bytes.insert(bytes.end(), sum.begin(), sum.end());
  return bytes;
}

/// Whether the last bytes are the checksum of those before.
bool is_sound(std::span<const std::byte> bytes, std::uint64_t seed = 0) {
  std::uint64_t expected = 0;
  ByteReader(bytes.last(checksum_bytes), "a checksum")(expected);
  return checksum(bytes.first(bytes.size() - checksum_bytes), seed) == expected;
}

std::uint16_t steps_below(float highest, float logit) {
  const double nats = static_cast<double>(highest) - static_cast<double>(logit);
  return static_cast<std::uint16_t>(std::min<double>(std::round(nats * steps_per_nat), most_steps));
}

/// Tokens of a window that count; see Windows.
std::int32_t scored(const SavedRun& run) { return run.window - (run.window / 2 + 1); }

void require_sense(const SavedRun& run, std::string_view name) {
  require(run.vocabulary > 0 && run.window >= 3 && run.windows > 0,
          "{}: is damaged: it says that it holds {} windows of {} tokens over a vocabulary of {}", name,
          run.windows, run.window, run.vocabulary);
}

}  // namespace

std::uint64_t SavedRun::rows() const { return saturating_product(windows, scored(*this)); }

std::uint64_t SavedRun::row_bytes() const {
  return std::uint64_t{sizeof(std::uint16_t)} * static_cast<std::uint64_t>(vocabulary) +
         sizeof(std::int32_t) + sizeof(float) + checksum_bytes;
}

SavedRun describe_run(const Windows& windows, std::int32_t vocabulary, std::string source) {
  SavedRun run{vocabulary, windows.length(), windows.count(), 0, std::move(source)};
  for (std::int32_t window = 0; window < windows.count(); ++window) {
    const std::vector<runtime::Token> tokens = windows.tokens(window);
    run.tokens = checksum(std::as_bytes(std::span(tokens)), run.tokens);
  }
  run.source.resize(std::min(run.source.size(), longest_source));
  return run;
}

std::vector<std::byte> distribution_header(const SavedRun& run) {
  ByteWriter body;
  body(run);
  const std::vector<std::byte> fields_of_run = body.take();
  ByteWriter start;
  start(magic, version, static_cast<std::uint32_t>(fields_of_run.size()));
  std::vector<std::byte> header = start.take();
  header.insert(header.end(), fields_of_run.begin(), fields_of_run.end());
  return sealed(std::move(header));
}

DistributionWriter::DistributionWriter(const std::filesystem::path& path, const SavedRun& run)
    : file_(path), run_(run) {
  file_.append(distribution_header(run_));
}

void DistributionWriter::add(const ScoredRow& row) {
  assert(std::ssize(row.logits) == run_.vocabulary && rows_ < run_.rows());
  const auto highest = std::max_element(row.logits.begin(), row.logits.end());
  std::vector<std::uint16_t> steps(row.logits.size());
  std::transform(row.logits.begin(), row.logits.end(), steps.begin(),
                 [&](float logit) { return steps_below(*highest, logit); });
  std::vector<std::byte> bytes(std::as_bytes(std::span(steps)).begin(),
                               std::as_bytes(std::span(steps)).end());
  ByteWriter rest;
  rest(static_cast<std::int32_t>(highest - row.logits.begin()), static_cast<float>(row.log_probability));
  const std::vector<std::byte> facts = rest.take();
  bytes.insert(bytes.end(), facts.begin(), facts.end());
  file_.append(sealed(std::move(bytes), rows_++));
}

void DistributionWriter::commit() {
  assert(rows_ == run_.rows());
  file_.commit();
}

DistributionHeader parse_distribution_header(std::span<const std::byte> start, std::uint64_t file_bytes,
                                             std::string_view name) {
  std::array<char, magic.size()> found{};
  std::uint32_t found_version = 0, length = 0;
  require(start.size() >= fixed_bytes, "{}: has {} bytes, expected distributions saved by --kl-base", name,
          file_bytes);
  ByteReader(start.first(fixed_bytes), name)(found, found_version, length);
  require(found == magic, "{}: holds no distributions, expected a file saved by --kl-base", name);
  require(found_version == version, "{}: is of version {}, expected {}: save it again with --kl-base", name,
          found_version, version);
  const std::uint64_t header = saturating_sum(fixed_bytes, length, checksum_bytes);
  require(header <= start.size(), "{}: is damaged: its header has {} bytes, of which {} are there", name,
          header, std::min<std::uint64_t>(start.size(), file_bytes));
  start = start.first(header);
  require(is_sound(start), "{}: is damaged: the checksum of its header differs", name);
  DistributionHeader parsed{{}, header};
  const std::string what = fmt::format("{}: is damaged: its header", name);
  ByteReader reader(start.subspan(fixed_bytes, length), what);
  reader(parsed.run);
  reader.end();
  require_sense(parsed.run, name);
  const std::uint64_t expected =
      saturating_sum(header, saturating_product(parsed.run.rows(), parsed.run.row_bytes()));
  require(file_bytes == expected, "{}: is damaged or was cut: it has {} bytes, expected {}", name, file_bytes,
          expected);
  return parsed;
}

SavedRow parse_distribution_row(std::span<const std::byte> bytes, const SavedRun& run, std::uint64_t index,
                                std::string_view name) {
  assert(bytes.size() == run.row_bytes());
  require(is_sound(bytes, index), "{}: is damaged: the checksum of row {} of {} differs", name, index,
          run.rows());
  SavedRow row;
  row.steps.resize(static_cast<std::size_t>(run.vocabulary));
  const std::span<std::byte> steps = std::as_writable_bytes(std::span(row.steps));
  std::copy_n(bytes.begin(), steps.size(), steps.begin());
  ByteReader(bytes.subspan(steps.size()), name)(row.likeliest, row.log_probability);
  require(row.likeliest >= 0 && row.likeliest < run.vocabulary && row.log_probability <= 0,
          "{}: is damaged: row {} of {} has token {} as the likeliest of {}, and {} as a log-probability",
          name, index, run.rows(), row.likeliest, run.vocabulary, row.log_probability);
  return row;
}

DistributionFile::DistributionFile(const std::filesystem::path& path)
    : file_(path, "distributions saved by --kl-base") {
  std::vector<std::byte> start(
      static_cast<std::size_t>(std::min<std::uint64_t>(file_.bytes(), longest_distribution_header)));
  file_.read(0, start);
  DistributionHeader header = parse_distribution_header(start, file_.bytes(), file_.name());
  header_bytes_ = header.bytes;
  run_ = std::move(header.run);
}

void DistributionFile::require_same_tokens(const SavedRun& run) const {
  require(run_.vocabulary == run.vocabulary,
          "{}: holds distributions over {} tokens, but the model's are over {}", name(), run_.vocabulary,
          run.vocabulary);
  require(run_.window == run.window, "{}: was saved from windows of {} tokens, but these have {} (--ctx)",
          name(), run_.window, run.window);
  require(run_.windows == run.windows && run_.tokens == run.tokens,
          "{}: was saved from another text, or from another tokenizer's tokens of it: it has {} windows, "
          "this one {}, "
          "expected the same tokens",
          name(), run_.windows, run.windows);
}

SavedRow DistributionFile::row(std::uint64_t index) const {
  assert(index < run_.rows());
  std::vector<std::byte> bytes(run_.row_bytes());
  file_.read(header_bytes_ + index * run_.row_bytes(), bytes);
  return parse_distribution_row(bytes, run_, index, name());
}

}  // namespace yoke::measure
