# SPDX-License-Identifier: Apache-2.0
# fairway_library(NAME SOURCES a.c ... [PUBLIC lib ...])          a static library fw_NAME
# fairway_test(NAME SOURCES x_test.c [LIBS lib ...] [LABELS l])   a cmocka program, run by ctest
# fairway_embed(OUT SYMBOL FILE)                                   a file as a C byte array
function(fairway_library name)
  cmake_parse_arguments(A "" "" "SOURCES;PUBLIC" ${ARGN})
  add_library(fw_${name} STATIC ${A_SOURCES})
  target_link_libraries(fw_${name} PUBLIC fairway_flags ${A_PUBLIC} Threads::Threads)
endfunction()

function(fairway_test name)
  cmake_parse_arguments(A "" "" "SOURCES;LIBS;LABELS" ${ARGN})
  if(NOT BUILD_TESTING OR NOT CMOCKA_FOUND OR FAIRWAY_FUZZ)
    return()
  endif()
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE fairway_flags ${A_LIBS} PkgConfig::CMOCKA)
  target_compile_definitions(${name} PRIVATE TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "unit;${A_LABELS}" TIMEOUT 120
    ENVIRONMENT "CMOCKA_MESSAGE_OUTPUT=TAP")
endfunction()

function(fairway_embed out symbol file)
  add_custom_command(OUTPUT ${out} COMMAND fairway-embed ${symbol} ${file} ${out}
    DEPENDS ${file} fairway-embed VERBATIM)
endfunction()
