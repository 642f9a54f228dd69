# Puts lua/neap's files into the library: one C file in the build tree that includes their bytes.
file(GLOB_RECURSE embedded_lua CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lua/neap/*.lua)
set(embedded_files "")
foreach(path ${embedded_lua})
  file(STRINGS ${path} first_line LIMIT_COUNT 1)
  if(first_line STREQUAL "---@meta") # describes what is written in C
    continue()
  endif()
  file(RELATIVE_PATH file ${CMAKE_SOURCE_DIR}/lua/neap ${path})
  list(APPEND embedded_files ${file}=${path})
endforeach()
neap_embed(${CMAKE_BINARY_DIR}/embedded_lua.c script/embedded.h "neapi_embedded neapi_embedded_files"
           neapi_embedded ${embedded_files})
target_sources(script PRIVATE ${CMAKE_BINARY_DIR}/embedded_lua.c)

# The Lua module's entry belongs to the module alone, not to the library that it links.
get_target_property(script_sources script SOURCES)
list(FILTER script_sources EXCLUDE REGEX "/module/")
set_target_properties(script PROPERTIES SOURCES "${script_sources}")
