# Build rules shared by every folder: one static library per folder of src/, one test program per
# folder of tests/, one warning policy for all of them.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(yoke_options INTERFACE)
target_include_directories(yoke_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(yoke_options INTERFACE fmt::fmt Threads::Threads)
target_compile_options(yoke_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror
  # GCC 12 reports overflows inside std::vector that are not there (GCC bugs 105329, 107852); the address sanitizer
  # finds real ones.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow -Wno-array-bounds>
  # Results must be the same bits on every instruction set: a multiply-add is fused only where the
  # source says so.
  -ffp-contract=off)
if(YOKE_SANITIZE)
  target_compile_options(yoke_options INTERFACE
    -fsanitize=${YOKE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(yoke_options INTERFACE -fsanitize=${YOKE_SANITIZE})
endif()

# What nearly every file includes is compiled once, not five hundred times. Each file includes what it uses all the
# same: the presets of the sanitizers build without these.
add_library(yoke_headers OBJECT ${CMAKE_CURRENT_LIST_DIR}/headers.cpp)
target_link_libraries(yoke_headers PRIVATE yoke_options)
set(common_headers
  <algorithm> <array> <chrono> <cstddef> <cstdint> <filesystem> <functional> <limits> <map> <memory> <optional> <span>
  <string> <string_view> <utility> <variant> <vector> <fmt/format.h>)
target_precompile_headers(yoke_headers PRIVATE ${common_headers})

# yoke_library(gguf SOURCES reader.cpp … USES quant base LINKS PkgConfig::X). HEADERS: what most of its files include
# besides. OWN_OPTIONS where files are compiled with options of their own.
function(yoke_library name)
  cmake_parse_arguments(ARG "OWN_OPTIONS" "" "SOURCES;USES;LINKS;HEADERS" ${ARGN})
  add_library(yoke_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(yoke_${name} PUBLIC yoke_options)
  foreach(used ${ARG_USES})
    target_link_libraries(yoke_${name} PUBLIC yoke_${used})
  endforeach()
  target_link_libraries(yoke_${name} PRIVATE ${ARG_LINKS})
  if(ARG_HEADERS)
    target_precompile_headers(yoke_${name} PRIVATE ${common_headers} ${ARG_HEADERS})
  elseif(NOT ARG_OWN_OPTIONS)
    target_precompile_headers(yoke_${name} REUSE_FROM yoke_headers)
  endif()
endfunction()

# yoke_test(gguf SOURCES reader_test.cpp … LINKS yoke_gguf) makes the program gguf_test and registers each of its
# tests with CTest. Tests find their data through YOKE_TEST_DATA.
function(yoke_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS;PROPERTIES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name}_test ${ARG_SOURCES})
  add_dependencies(${name}_test tiny_models)
  target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name}_test PRIVATE yoke_options ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_compile_options(${name}_test PRIVATE ${YOKE_TEST_OPTIONS})
  target_compile_definitions(${name}_test PRIVATE
    YOKE_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data"
    YOKE_GENERATED_DATA="${CMAKE_BINARY_DIR}/tests/data"
    YOKE_MODELS="${CMAKE_SOURCE_DIR}/models")
  target_precompile_headers(${name}_test REUSE_FROM yoke_test_headers)
  gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} ${ARG_PROPERTIES})
endfunction()
