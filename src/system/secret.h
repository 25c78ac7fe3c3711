// The key that processes of one job share: who has it belongs to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace yoke::system {

/// 64 hexadecimal digits and the end of their line. Nothing of them stays in memory that has been given back.
class SecretText {
 public:
  static constexpr std::size_t digits = 64;

  SecretText() = default;
  SecretText(const SecretText&) = default;
  SecretText& operator=(const SecretText&) = default;
  ~SecretText();

  std::span<char, digits + 1> characters() { return characters_; }
  std::string_view line() const { return {characters_.data(), characters_.size()}; }

 private:
  std::array<char, digits + 1> characters_{};
};

/// 256 random bits. Nothing of them stays in memory that has been given back.
class Secret {
 public:
  static constexpr std::size_t size = 32;

  /// From the system's generator. Throws Error if it gives none.
  static Secret random();
  /// Of 64 hexadecimal digits and at most one end of line after them. Throws Error, which does not repeat
  /// what was given.
  static Secret parse(std::string_view text);
  explicit Secret(std::span<const std::uint8_t, size> bytes);
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret();

  SecretText text() const;
  std::span<const std::uint8_t, size> bytes() const { return bytes_; }
  bool operator==(const Secret&) const = default;

 private:
  Secret() = default;

  std::array<std::uint8_t, size> bytes_{};
};

/// Makes the file, which nobody else can read. Throws Error if anything has that name already.
void write_key_file(const std::filesystem::path& path, const Secret& key);

/// Throws Error unless it is a file of this user that nobody else can read or write, with a key's digits in
/// it and nothing else.
Secret read_key_file(const std::filesystem::path& path);

}  // namespace yoke::system
