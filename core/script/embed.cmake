# Puts lua/neap/*.lua into the library: one C file in the build tree that includes their bytes.
file(GLOB embedded_lua CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lua/neap/*.lua)
set(embedded_c ${CMAKE_BINARY_DIR}/embedded_lua.c)
set(embedded_symbols "")
set(embedded_entries "")
set(embedded_number 0)
foreach(path ${embedded_lua})
  file(STRINGS ${path} first_line LIMIT_COUNT 1)
  if(first_line STREQUAL "---@meta") # describes what is written in C
    continue()
  endif()
  get_filename_component(file ${path} NAME)
  set(symbol neapi_embedded_${embedded_number})
  math(EXPR embedded_number "${embedded_number} + 1")
  string(APPEND embedded_symbols
         "BYTES(\"${symbol}\", \"${path}\")\n"
         "extern const char ${symbol}_begin[], ${symbol}_end[];\n")
  string(APPEND embedded_entries "    {\"${file}\", ${symbol}_begin, ${symbol}_end},\n")
endforeach()
file(CONFIGURE OUTPUT ${embedded_c} @ONLY CONTENT [[
#include "script/embedded.h"

#include <stddef.h>

#define BYTES(symbol, path)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " symbol "_begin\n.hidden " symbol "_begin\n"                                 \
            ".global " symbol "_end\n.hidden " symbol "_end\n" symbol "_begin:\n"                  \
            ".incbin \"" path "\"\n" symbol "_end:\n"                                              \
            ".byte 0\n.popsection\n");

@embedded_symbols@
const neapi_embedded neapi_embedded_files[] = {
@embedded_entries@    {NULL, NULL, NULL},
};
]])
set_source_files_properties(${embedded_c} PROPERTIES OBJECT_DEPENDS "${embedded_lua}")
target_sources(script PRIVATE ${embedded_c})

# The Lua module's entry belongs to the module alone, not to the library that it links.
get_target_property(script_sources script SOURCES)
list(FILTER script_sources EXCLUDE REGEX "/module/")
set_target_properties(script PROPERTIES SOURCES "${script_sources}")
