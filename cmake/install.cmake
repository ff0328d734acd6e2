# SPDX-License-Identifier: Apache-2.0
# Installs the CMake package (find_package(penstock), targets penstock::events and so on) and penstock.pc.
include(CMakePackageConfigHelpers)
set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/penstock)
install(EXPORT penstock NAMESPACE penstock:: DESTINATION ${cmake_dir} FILE penstock-targets.cmake)
configure_package_config_file(cmake/penstock-config.cmake.in penstock-config.cmake INSTALL_DESTINATION ${cmake_dir})
write_basic_package_version_file(penstock-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/penstock-config.cmake ${PROJECT_BINARY_DIR}/penstock-config-version.cmake
        DESTINATION ${cmake_dir})

# pkg-config knows one package, all modules: static libraries, the users before the used.
get_property(modules GLOBAL PROPERTY PENSTOCK_MODULES)
list(REVERSE modules)
list(TRANSFORM modules PREPEND -lpenstock_ OUTPUT_VARIABLE libs)
list(JOIN libs " " PENSTOCK_PC_LIBS)
set(PENSTOCK_PC_CFLAGS "-foptimize-sibling-calls")
if(PENSTOCK_CHECKS)
    string(APPEND PENSTOCK_PC_CFLAGS " -DPENSTOCK_CHECKS=1")
endif()
file(RELATIVE_PATH PENSTOCK_PC_INCLUDES /${CMAKE_INSTALL_LIBDIR}/pkgconfig /${CMAKE_INSTALL_INCLUDEDIR})
configure_file(cmake/penstock.pc.in penstock.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/penstock.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
