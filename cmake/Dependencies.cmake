# Python, and the libraries that come as Python packages: headers, and the scripts of pages. They are asked for by running Python itself, because under
# pip's build isolation they live in an overlay that no fixed path names.
find_package(Python 3.12 QUIET COMPONENTS Interpreter Development.Module)
if(NOT Python_Interpreter_FOUND)
    message(FATAL_ERROR "Python 3.12 or later was not found. Install it, for example: apt-get install python3 python3-dev")
endif()
if(NOT Python_Development.Module_FOUND)
    message(FATAL_ERROR "The headers of Python ${Python_VERSION} (${Python_EXECUTABLE}) are missing. "
        "Install them, for example: apt-get install python${Python_VERSION_MAJOR}.${Python_VERSION_MINOR}-dev")
endif()

execute_process(
    COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/build_packages.py
    OUTPUT_VARIABLE JAC_CLOUD_PACKAGES
    ERROR_VARIABLE JAC_CLOUD_PACKAGES_ERROR
    RESULT_VARIABLE JAC_CLOUD_PACKAGES_RESULT
    OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT JAC_CLOUD_PACKAGES_RESULT EQUAL 0)
    message(FATAL_ERROR "${JAC_CLOUD_PACKAGES_ERROR}")
endif()
list(POP_FRONT JAC_CLOUD_PACKAGES BOOST_INCLUDE JSON_INCLUDE FMT_INCLUDE PYBIND11_CMAKE PAGES_STATIC)

function(add_header_library name include)
    add_library(${name} INTERFACE)
    target_include_directories(${name} SYSTEM INTERFACE ${include})
endfunction()

add_header_library(jac_fmt ${FMT_INCLUDE})
# Header-only, because the package has fmt as a shared library alone and the wheel must work by itself.
target_compile_definitions(jac_fmt INTERFACE FMT_HEADER_ONLY=1)
add_header_library(jac_json ${JSON_INCLUDE})

set(PYBIND11_FINDPYTHON ON)
find_package(pybind11 3.0 CONFIG REQUIRED PATHS ${PYBIND11_CMAKE} NO_DEFAULT_PATH)

# Swagger UI and ReDoc with their licences, beside our pages that show them: in the wheel, from no other host.
set(pages jac_cloud/pages)
install(DIRECTORY ${PAGES_STATIC}/swagger/ DESTINATION ${pages}/docs/vendor COMPONENT python)
install(DIRECTORY ${PAGES_STATIC}/redoc/ DESTINATION ${pages}/redoc/vendor COMPONENT python)
