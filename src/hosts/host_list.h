// Which machines share the work: lists of hosts as people write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace yoke::hosts {

/// Hosts, and ranks on all of them together, that a list may have at most.
inline constexpr int most_hosts = 1024;

struct Host {
  std::string name;  // as ssh takes it: a name of DNS or of ssh's configuration, or an address; no brackets
  std::string user;  // empty: whom ssh chooses
  int slots = 1;     // ranks
  // What a list leaves open is empty or 0:
  std::string yoke;          // path of the program there
  std::string cache_dir;     // folder for packed weights there
  std::string model;         // path of the model there
  int threads = 0;           // of each rank
  std::uint64_t memory = 0;  // most bytes that its ranks may use together
  double weight = 0;         // its part of the work, relative to the other hosts'; they all have one, or none
};

/// Where a sentence says that something is: "--hosts", "hosts.txt, line 3".
using Place = std::string_view;

/// "node1,node2:2,user@node3,[fe80::1]:2": names, each with its slots where that is not one. Throws Error for
/// what is no such list, a host that stands there twice, and more than most_hosts hosts or ranks.
std::vector<Host> parse_hosts(std::string_view list, Place place = "--hosts");

/// One entry of such a list. Throws Error.
Host parse_host(std::string_view entry, Place place);

/// MPI's hostfile, as text: a host on each line, with "slots=2" and "max_slots=4" behind it, and comments
/// from '#' on. `path` is for sentences. Throws Error as parse_hosts() does.
std::vector<Host> parse_hostfile(std::string_view text, const std::string& path);
/// The same from a file.
std::vector<Host> read_hostfile(const std::string& path);

/// The whole of a small file that lists hosts. Throws Error.
std::string read_list(const std::string& path);

// What the readers of all lists hold against their hosts; each throws Error.

/// Whether ssh may be given this as a host: it has characters of names and addresses only, and cannot be
/// taken for a flag.
void require_host_name(std::string_view name, Place place);
void require_user_name(std::string_view name, Place place);
void require_slots(std::int64_t slots, Place place);
/// The hosts together: none twice, not too many.
void require_list(const std::vector<Host>& hosts, Place place);

/// "user@node3", or "node3": what ssh is told.
std::string destination(const Host& host);

/// The hosts as parse_hosts() reads them.
std::string format_hosts(const std::vector<Host>& hosts);

}  // namespace yoke::hosts
