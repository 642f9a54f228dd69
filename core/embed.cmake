# Puts files into a program: neap_embed(C_FILE HEADER ARRAY PREFIX name=path…) writes a C file that
# includes their bytes and defines ARRAY (of which HEADER says what it is), one entry for each: the
# name, and the bytes' begin and end; a NULL name ends it. PREFIX begins the names of its symbols.
function(neap_embed embedded_c embedded_header embedded_array prefix)
  set(embedded_symbols "")
  set(embedded_entries "")
  set(number 0)
  set(paths "")
  foreach(file ${ARGN})
    string(REGEX MATCH "^([^=]+)=(.+)$" matched "${file}")
    set(name ${CMAKE_MATCH_1})
    set(path ${CMAKE_MATCH_2})
    list(APPEND paths ${path})
    set(symbol ${prefix}_${number})
    math(EXPR number "${number} + 1")
    string(APPEND embedded_symbols
           "BYTES(\"${symbol}\", \"${path}\")\n"
           "extern const char ${symbol}_begin[], ${symbol}_end[];\n")
    string(APPEND embedded_entries "    {\"${name}\", ${symbol}_begin, ${symbol}_end},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${embedded_c} @ONLY CONTENT [[
#include "@embedded_header@"

#include <stddef.h>

#define BYTES(symbol, path)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " symbol "_begin\n.hidden " symbol "_begin\n"                                 \
            ".global " symbol "_end\n.hidden " symbol "_end\n" symbol "_begin:\n"                  \
            ".incbin \"" path "\"\n" symbol "_end:\n"                                              \
            ".byte 0\n.popsection\n");

@embedded_symbols@
const @embedded_array@[] = {
@embedded_entries@    {NULL, NULL, NULL},
};
]])
  set_source_files_properties(${embedded_c} PROPERTIES OBJECT_DEPENDS "${paths}")
endfunction()
