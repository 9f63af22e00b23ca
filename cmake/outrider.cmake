# Compiler settings and the function that every folder is declared with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(OUTRIDER_CCACHE ccache)
if(OUTRIDER_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${OUTRIDER_CCACHE})
endif()

# Warnings are errors. No contraction anywhere: a fused multiply-add is written where it is wanted,
# so that a row's bits never depend on what the compiler chose to fuse.
add_library(outrider_options INTERFACE)
target_compile_options(outrider_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -ffp-contract=off -fno-math-errno)
# Arm's char has no sign unless told so; what holds of text is to hold on every machine.
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(outrider_options INTERFACE -fsigned-char)
endif()
target_include_directories(outrider_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(OUTRIDER_SANITIZE)
  add_compile_options(
    -fsanitize=${OUTRIDER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${OUTRIDER_SANITIZE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(GTest REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
include(GoogleTest)

# The programs that tests of a label are run from.
add_custom_target(golden_tests)
add_custom_target(long_tests)

# With sanitizers what takes longer to compile than to run is not optimised.
function(outrider_compile_quickly target)
  if(OUTRIDER_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# One GoogleTest program; every case is a test of its own, named FOLDER.Suite.case.
function(outrider_test_program program folder label)
  add_executable(${program} ${ARGN})
  target_link_libraries(${program} PRIVATE
    outrider_${folder} outrider_options ${OUTRIDER_TEST_LINK} GTest::gtest_main)
  target_compile_definitions(${program} PRIVATE OUTRIDER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  if(ARG_SLOW_TO_COMPILE)
    outrider_compile_quickly(${program})
  endif()
  set(properties "")
  if(label)
    set(properties PROPERTIES LABELS ${label})
    add_dependencies(${label}_tests ${program})
  endif()
  gtest_discover_tests(${program}
    TEST_PREFIX "${folder}." DISCOVERY_MODE PRE_TEST ${properties})
endfunction()

# outrider_folder(NAME DEPS a b LINK lib... TEST_LINK lib... APART x.cc y.cc)
#   src/NAME as a library of its *.cc. DEPS are the folders it may include, LINK external libraries.
#   APART are sources compiled one by one where others are compiled several at a time
#   (CMAKE_UNITY_BUILD): those whose helpers have the names of another source's helpers.
#   SLOW_TO_COMPILE: its code is mostly templates that run rarely.
#   *_test.cc         one program NAME_test, run under the sanitizers
#   *_golden_test.cc  one program NAME_golden_test, label golden: too slow there, so without them
#   *_long_test.cc    one program NAME_long_test, label long: only when all figures are asked for
#   *_fuzz.cc         one fuzz program each, when OUTRIDER_FUZZ is on
function(outrider_folder name)
  cmake_parse_arguments(ARG "SLOW_TO_COMPILE" "" "DEPS;LINK;TEST_LINK;APART" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set_source_files_properties(${ARG_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set(tests ${sources})
  set(golden_tests ${sources})
  set(long_tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER tests EXCLUDE REGEX "_(golden|long)_test\\.cc$")
  list(FILTER golden_tests INCLUDE REGEX "_golden_test\\.cc$")
  list(FILTER long_tests INCLUDE REGEX "_long_test\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")

  set(links "")
  foreach(dep ${ARG_DEPS})
    list(APPEND links outrider_${dep})
  endforeach()
  if(sources)
    add_library(outrider_${name} STATIC ${sources})
    target_link_libraries(outrider_${name} PUBLIC ${links} ${ARG_LINK} PRIVATE outrider_options)
    target_include_directories(outrider_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    if(ARG_SLOW_TO_COMPILE)
      outrider_compile_quickly(outrider_${name})
    endif()
  else()
    add_library(outrider_${name} INTERFACE)
    target_link_libraries(outrider_${name} INTERFACE ${links} ${ARG_LINK})
    target_include_directories(outrider_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
  endif()

  set(OUTRIDER_TEST_LINK ${ARG_TEST_LINK})
  if(tests)
    outrider_test_program(${name}_test ${name} "" ${tests})
  endif()
  if(golden_tests AND NOT OUTRIDER_SANITIZE)
    outrider_test_program(${name}_golden_test ${name} golden ${golden_tests})
  endif()
  if(long_tests AND NOT OUTRIDER_SANITIZE)
    outrider_test_program(${name}_long_test ${name} long ${long_tests})
  endif()
  if(OUTRIDER_FUZZ AND fuzzers)
    target_compile_options(outrider_${name} PRIVATE -fsanitize=fuzzer-no-link)
    foreach(source ${fuzzers})
      get_filename_component(fuzzer ${source} NAME_WE)
      add_executable(${fuzzer} ${source})
      target_link_libraries(${fuzzer} PRIVATE outrider_${name} outrider_options)
      target_compile_options(${fuzzer} PRIVATE -fsanitize=fuzzer-no-link)
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
