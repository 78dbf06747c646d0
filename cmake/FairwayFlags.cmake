# SPDX-License-Identifier: Apache-2.0
# Every target links fairway_flags; nothing else sets a flag.
add_library(fairway_flags INTERFACE)
target_include_directories(fairway_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/gen)
target_compile_definitions(fairway_flags INTERFACE _GNU_SOURCE FAIRWAY_VERSION="${PROJECT_VERSION}"
  FAIRWAY_CHECKS=$<BOOL:${FAIRWAY_CHECKS}>)
target_compile_options(fairway_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wcast-qual -Wwrite-strings -Wswitch-enum -Wimplicit-fallthrough -Wconversion
  -Wsign-conversion -Wdouble-promotion -Wredundant-decls
  -fno-common -fno-strict-aliasing -fstack-protector-strong
  -include ${CMAKE_SOURCE_DIR}/src/base/banned.h)
if(FAIRWAY_WERROR)
  target_compile_options(fairway_flags INTERFACE -Werror)
endif()
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(fairway_flags INTERFACE -Wduplicated-cond -Wlogical-op -Wjump-misses-init -Wbidi-chars=any)
else()
  target_compile_options(fairway_flags INTERFACE -Wthread-safety -Wcomma -Wshorten-64-to-32
    -Wconditional-uninitialized -Wno-gnu-zero-variadic-macro-arguments)
endif()
if(FAIRWAY_SANITIZE)
  target_compile_options(fairway_flags INTERFACE -fsanitize=${FAIRWAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(fairway_flags INTERFACE -fsanitize=${FAIRWAY_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(fairway_flags INTERFACE -D_FORTIFY_SOURCE=2 -fcf-protection=full -fPIE)
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(fairway_flags INTERFACE -ftrivial-auto-var-init=zero -fstack-clash-protection)
  endif()
  target_link_options(fairway_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
if(FAIRWAY_COVERAGE)
  target_compile_options(fairway_flags INTERFACE --coverage -O0 -fprofile-update=atomic)
  target_link_options(fairway_flags INTERFACE --coverage)
endif()
if(FAIRWAY_FUZZ)
  target_compile_options(fairway_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
