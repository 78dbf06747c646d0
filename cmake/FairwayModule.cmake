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

# fairway_sql(TARGET PREFIX FILE)      FILE's queries as PREFIX_x; include "PREFIX_sql.h"
# fairway_migrations(TARGET DIR)       DIR/NNNN_name[.pg].sql as fairway_migrations[]; include "migrations.h"
# Call them in the folder that defines TARGET.
function(fairway_sql target prefix file)
  set(gen ${CMAKE_BINARY_DIR}/gen/${prefix}_sql)
  get_filename_component(file ${file} ABSOLUTE)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/gen)
  add_custom_command(OUTPUT ${gen}.h ${gen}.c
    COMMAND fairway-sqlgen queries ${prefix} ${file} ${gen}.h ${gen}.c
    DEPENDS ${file} fairway-sqlgen VERBATIM)
  target_sources(${target} PRIVATE ${gen}.h ${gen}.c)
  if(target MATCHES "^fw_")
    set_property(GLOBAL APPEND PROPERTY FAIRWAY_SQL ${prefix}) # src/app/app_test.c prepares them all
  endif()
endfunction()

function(fairway_migrations target dir)
  set(gen ${CMAKE_BINARY_DIR}/gen/migrations)
  get_filename_component(dir ${dir} ABSOLUTE)
  file(GLOB files CONFIGURE_DEPENDS ${dir}/*.sql)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/gen)
  add_custom_command(OUTPUT ${gen}.h ${gen}.c
    COMMAND fairway-sqlgen migrations ${gen}.h ${gen}.c ${files}
    DEPENDS ${files} fairway-sqlgen VERBATIM)
  target_sources(${target} PRIVATE ${gen}.h ${gen}.c)
endfunction()
