// The folder that a run has on each of its hosts, by the same path everywhere: it holds the key that proves
// who belongs to the run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace yoke::hosts {

/// Hexadecimal digits of a key: 256 bits.
inline constexpr std::size_t key_digits = 64;

/// Random ones from the system's source.
std::string make_run_name();
std::string make_key();

/// "/tmp/yoke-NAME". Throws Error for a name that is not of hexadecimal digits.
std::filesystem::path run_folder(std::string_view name);

/// Makes the folder, for this user alone, and in it the file "made" (folder_origin.h) and the file "key",
/// which holds the digits and a newline. A folder that is there already is used if it is ours and nobody
/// else's, with a key that is the same. Throws Error for any other, for links in the place of either, and for
/// what is no key.
std::filesystem::path make_run_folder(std::string_view name, std::string_view key);

/// The name, as make_run_name() draws it, of the run whose folder is called so, "yoke-NAME"; nothing for any
/// other folder.
std::optional<std::string> run_of_folder(std::string_view file_name);

/// The key's digits. Throws Error if the file is not this user's alone, or holds no key.
std::string read_key(const std::filesystem::path& file);

/// Removes a folder that make_run_folder() has made, with all that is in it; nothing where there is none of
/// ours.
void remove_run_folder(std::string_view name);

}  // namespace yoke::hosts
