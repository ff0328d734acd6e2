# SPDX-License-Identifier: Apache-2.0
# penstock_module(NAME FOLDER <path> SOURCES ... HEADERS ... [DEPENDS <modules>] [VENDORS <targets>])
#
# Declares one module: the library penstock::NAME, whose headers are included as <penstock/FOLDER/...>
# (PREFIX replaces FOLDER in the include path). Each module gets an include root of its own in the build
# tree, which holds nothing but a link to its folder: a module that does not depend on another cannot
# include it. HEADERS are public: installed, and each is compiled alone by the target
# all_verify_interface_header_sets. DEPENDS are public, VENDORS are not: no public header includes them.
function(penstock_module name)
    cmake_parse_arguments(arg "" "FOLDER;PREFIX" "SOURCES;HEADERS;DEPENDS;VENDORS" ${ARGN})
    if(NOT arg_PREFIX)
        set(arg_PREFIX ${arg_FOLDER})
    endif()
    set(root ${PROJECT_BINARY_DIR}/roots/${name})
    cmake_path(GET arg_PREFIX PARENT_PATH above)
    file(MAKE_DIRECTORY ${root}/penstock/${above})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${arg_FOLDER} ${root}/penstock/${arg_PREFIX} SYMBOLIC)
    list(TRANSFORM arg_HEADERS PREPEND ${root}/penstock/${arg_PREFIX}/)
    list(TRANSFORM arg_DEPENDS PREPEND penstock::)

    add_library(penstock_${name} STATIC ${arg_SOURCES})
    add_library(penstock::${name} ALIAS penstock_${name})
    target_sources(penstock_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${root} FILES ${arg_HEADERS})
    set_target_properties(penstock_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
    target_compile_features(penstock_${name} PUBLIC cxx_std_23)
    target_link_libraries(penstock_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_VENDORS})
    penstock_warnings(penstock_${name})
    install(TARGETS penstock_${name} EXPORT penstock FILE_SET HEADERS)
    set_property(GLOBAL APPEND PROPERTY PENSTOCK_MODULES ${name})
endfunction()

function(penstock_warnings target)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
        $<$<BOOL:${PENSTOCK_WERROR}>:-Werror>)
endfunction()
