// A survey as text: a line that says which build wrote it, and one JSON object whose every field is read back
// or refused.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/printable.h"
#include "hosts/survey.h"

namespace yoke::hosts {

namespace {

using Json = nlohmann::json;

template <class Archived, class Struct>
concept Is = std::is_same_v<std::remove_const_t<Archived>, Struct>;

// The fields of each struct, once for writing and for reading.

void fields(auto& archive, Is<CoreKind> auto& kind) {
  archive("name", kind.name);
  archive("cores", kind.cores);
}

void fields(auto& archive, Is<InterfaceAddress> auto& address) {
  archive("address", address.address);
  archive("prefix", address.prefix);
}

void fields(auto& archive, Is<Interface> auto& interface) {
  archive("name", interface.name);
  archive("kind", interface.kind);
  archive("up", interface.up);
  archive("mbit", interface.mbit);
  archive("mtu", interface.mtu);
  archive("addresses", interface.addresses);
}

void fields(auto& archive, Is<RdmaPort> auto& port) {
  archive("name", port.name);
  archive("link_layer", port.link_layer);
  archive("state", port.state);
  archive("gbit", port.gbit);
  archive("interfaces", port.interfaces);
  archive("device_file", port.device_file);
  archive("permitted", port.permitted);
}

void fields(auto& archive, Is<FolderState> auto& folder) {
  archive("path", folder.path);
  archive("usable", folder.usable);
  archive("free_bytes", folder.free_bytes);
  archive("why_not", folder.why_not);
}

void fields(auto& archive, Is<ModelState> auto& model) {
  archive("path", model.path);
  archive("readable", model.readable);
  archive("absent", model.absent);
  archive("bytes", model.bytes);
  archive("why_not", model.why_not);
  archive("kept", model.kept);
  archive("kept_of", model.kept_of);
}

void fields(auto& archive, Is<HostSpeed> auto& speed) {
  archive("bytes_per_second", speed.bytes_per_second);
  archive("format", speed.format);
  archive("threads", speed.threads);
  archive("measured", speed.measured);
}

void fields(auto& archive, Is<Survey> auto& survey) {
  archive("host", survey.host);
  archive("kernel", survey.kernel);
  archive("architecture", survey.architecture);
  archive("isas", survey.isas);
  archive("open_mpi", survey.open_mpi);
  archive("open_mpi_has_ucx", survey.open_mpi_has_ucx);
  archive("executable", survey.executable);
  archive("processor", survey.processor);
  archive("core_kinds", survey.core_kinds);
  archive("cores", survey.cores);
  archive("numa_nodes", survey.numa_nodes);
  archive("memory_total", survey.memory_total);
  archive("memory_available", survey.memory_available);
  archive("memory_limited_by", survey.memory_limited_by);
  archive("swap_used", survey.swap_used);
  archive("load", survey.load);
  archive("governor", survey.governor);
  archive("frequency_driver", survey.frequency_driver);
  archive("clock", survey.clock);
  archive("boot_id", survey.boot_id);
  archive("network_namespace", survey.network_namespace);
  archive("user_id", survey.user_id);
  archive("interfaces", survey.interfaces);
  archive("rdma_ports", survey.rdma_ports);
  archive("daemon_ports_in_use", survey.daemon_ports_in_use);
  archive("model", survey.model);
  archive("cache", survey.cache);
  archive("temporary", survey.temporary);
  archive("shared_memory_free", survey.shared_memory_free);
  archive("speed", survey.speed);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

/// What no reader takes, for it could move the cursor of who sees it.
std::string without_control(std::string text) {
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    object_[name] = json(value);
  }
  Json take() { return std::move(object_); }

 private:
  template <class T>
  static Json json(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return static_cast<int>(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return without_control(value);
    } else if constexpr (std::is_arithmetic_v<T>) {
      return value;
    } else {
      Writer writer;
      fields(writer, value);
      return writer.take();
    }
  }
  template <class T>
  static Json json(const std::vector<T>& values) {
    Json list = Json::array();
    for (const T& value : values) list.push_back(json(value));
    return list;
  }

  Json object_ = Json::object();
};

/// Takes the fields of one object; throws Error for one that is missing, of another type or too long.
class Reader {
 public:
  Reader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    require(object.is_object(), "{} is no object", where_);
  }

  template <class T>
  void operator()(const char* name, T& value) {
    const auto found = object_.find(name);
    require(found != object_.end(), "{} has no '{}'", where_, name);
    get(*found, where_ + "." + name, value);
    ++read_;
  }
  void end() const { require(read_ == object_.size(), "{} has fields that are not known", where_); }

 private:
  static constexpr std::size_t longest_string = 4096;
  static constexpr std::size_t longest_list = 1024;

  static void get(const Json& json, const std::string& where, bool& value) {
    require(json.is_boolean(), "{} is neither true nor false", where);
    value = json.get<bool>();
  }
  static void get(const Json& json, const std::string& where, int& value) {
    require(json.is_number_integer(), "{} is no whole number", where);
    const auto wide = json.is_number_unsigned() ? static_cast<std::int64_t>(std::min<std::uint64_t>(
                                                      json.get<std::uint64_t>(), std::uint64_t{1} << 40))
                                                : json.get<std::int64_t>();
    require(wide >= std::numeric_limits<int>::min() && wide <= std::numeric_limits<int>::max(),
            "{} is out of range", where);
    value = static_cast<int>(wide);
  }
  static void get(const Json& json, const std::string& where, std::uint64_t& value) {
    require(json.is_number_unsigned(), "{} is no whole number of 0 or more", where);
    value = json.get<std::uint64_t>();
  }
  static void get(const Json& json, const std::string& where, double& value) {
    require(json.is_number() && std::isfinite(json.get<double>()), "{} is no number", where);
    value = json.get<double>();
  }
  static void get(const Json& json, const std::string& where, std::string& value) {
    require(json.is_string(), "{} is no text", where);
    value = json.get<std::string>();
    require(value.size() <= longest_string, "{} has {} bytes", where, value.size());
    require(std::none_of(value.begin(), value.end(), is_control), "{} has a control character", where);
  }
  static void get(const Json& json, const std::string& where, InterfaceKind& value) {
    int number = 0;
    get(json, where, number);
    require(number >= 0 && number <= static_cast<int>(last_enumerator(InterfaceKind{})), "{} is out of range",
            where);
    value = static_cast<InterfaceKind>(number);
  }
  template <class T>
  static void get(const Json& json, const std::string& where, std::vector<T>& list) {
    require(json.is_array() && json.size() <= longest_list, "{} is no list of sensible length", where);
    for (const Json& each : json) get(each, where, list.emplace_back());
  }
  template <class T>
  static void get(const Json& json, const std::string& where, T& value) {
    Reader reader(json, where);
    fields(reader, value);
    reader.end();
  }

  const Json& object_;
  std::string where_;
  std::size_t read_ = 0;
};

/// The build that the first line of its kind tells; takes away all up to the end of that line.
std::optional<system::BuildId> take_build(std::string_view& text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (auto build = system::parse_first_line(line)) return build;
  }
  return std::nullopt;
}

}  // namespace

std::string write_survey(const Survey& survey) {
  Writer writer;
  fields(writer, survey);
  // Names of interfaces and paths may hold any bytes.
  return system::first_line(system::this_build()) + "\n" +
         writer.take().dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

SurveyAnswer parse_survey(std::string_view text) {
  require(text.size() <= longest_survey,
          "it answered with {} bytes, of which {} are the most that a survey has", text.size(),
          longest_survey);
  const std::string beginning = printable(text, 100);
  const auto build = take_build(text);
  require(build.has_value(), "expected the answer of yoke survey, but found {}",
          beginning.empty() ? "nothing" : "'" + beginning + "'");
  SurveyAnswer answer{*build, {}};
  if (*build != system::this_build()) return answer;
  const Json json = Json::parse(text, nullptr, false);
  require(!json.is_discarded(), "its survey is no JSON: '{}'", printable(text, 100));
  Reader reader(json, "its survey");
  fields(reader, answer.survey);
  reader.end();
  return answer;
}

}  // namespace yoke::hosts
