# The compiler, its warnings and sanitizers. Found here and not in project(), to say which package is missing.
include(CheckLanguage)
check_language(CXX)
if(NOT CMAKE_CXX_COMPILER)
    message(FATAL_ERROR "No C++ compiler was found. Install one, for example: apt-get install g++")
endif()
enable_language(CXX)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

find_package(Threads REQUIRED)

if(JAC_CLOUD_SANITIZERS)
    add_compile_options(-fsanitize=${JAC_CLOUD_SANITIZERS} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${JAC_CLOUD_SANITIZERS})
    if(JAC_CLOUD_SANITIZERS MATCHES undefined)
        add_compile_options(-fno-sanitize-recover=undefined)
    endif()
    # GCC says of each of Asio's fences that it is not modelled; what we share is guarded by locks and atomics, which are.
    if(JAC_CLOUD_SANITIZERS MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-Wno-tsan)
    endif()
endif()

if(JAC_CLOUD_FUZZER)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

set(JAC_CLOUD_WARNINGS
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wold-style-cast -Wcast-qual -Wextra-semi)
