# cmake -DSOURCE=… -DVERSION=… -DHEADER=build_commit.h -P write_commit.cmake
# Writes the commit that SOURCE is at into HEADER, and leaves a HEADER that says so already as it is.
execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} rev-parse --show-toplevel --verify HEAD
  OUTPUT_VARIABLE found ERROR_QUIET RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REPLACE "\n" ";" found "${found}")
file(REAL_PATH ${SOURCE} source)
# A folder that lies in somebody else's repository is at no commit of ours.
if(failed STREQUAL "0" AND "${found}" MATCHES "^${source};([0-9a-f]+)$")
  set(commit ${CMAKE_MATCH_1})
  execute_process(COMMAND git -c safe.directory=* -C ${SOURCE} diff-index --quiet HEAD --
    RESULT_VARIABLE modified OUTPUT_QUIET ERROR_QUIET)
  if(NOT modified STREQUAL "0")
    string(APPEND commit "-modified")
  endif()
else()
  set(commit unknown-${VERSION})
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#pragma once\n#define YOKE_COMMIT \"${commit}\"\n")
