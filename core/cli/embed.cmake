# Puts what `neap new` writes into the command. A file's name in the project stands before '='; the
# command puts the project's name in.
set(project_files
    PROJECT_NAME.lua=domain.lua
    spec/PROJECT_NAME_spec.lua=domain_spec.lua
    commands.jsonl=commands.jsonl
    README.md=README.md
    .gitignore=gitignore
    .luarc.json=luarc.json
    .luacheckrc=luacheckrc)
list(TRANSFORM project_files REPLACE "=" "=${CMAKE_SOURCE_DIR}/core/cli/new/")
neap_embed(${CMAKE_BINARY_DIR}/project_files.c ${CMAKE_SOURCE_DIR}/core/cli/project.h
           "cli_project_file cli_project_files" cli_project ${project_files})
target_sources(neap_command PRIVATE ${CMAKE_BINARY_DIR}/project_files.c)
