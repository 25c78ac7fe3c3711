#include "gguf/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file_descriptor.h"

namespace yoke::gguf {

MappedFile::MappedFile(const std::filesystem::path& path) {
  const std::string name = path.string();
  // Not blocking: to open a named pipe would wait for its writer.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  require(static_cast<bool>(file), "{}: cannot be opened: {}", name, last_system_error());

  struct stat status {};
  const bool examined = ::fstat(file.get(), &status) == 0;
  require(examined, "{}: cannot be examined: {}", name, last_system_error());
  require(!S_ISDIR(status.st_mode), "{}: is a directory, expected a GGUF file", name);
  require(S_ISREG(status.st_mode), "{}: is not a regular file, expected a GGUF file", name);
  require(status.st_size > 0, "{}: is empty, expected a GGUF file", name);

  const auto size = static_cast<std::size_t>(status.st_size);
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  require(start != MAP_FAILED, "{}: its {} bytes cannot be mapped into memory: {}", name, size,
          last_system_error());
  bytes_ = {static_cast<const std::byte*>(start), size};
}

MappedFile::~MappedFile() {
  // munmap() takes the address that mmap() gave; the mapping itself is not written to.
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace yoke::gguf
