# jac_add_layer(name [SOURCES folder] DEPENDS target...): the static library jac_<name> made of the sources beside it, or of
# those in a folder there.
#
# Each layer is included through a folder that holds nothing but itself, handed on to those that link it: base cannot name
# a header of pubsub, nor pubsub one of Asio, because no include path of theirs leads there.
function(jac_add_layer name)
    cmake_parse_arguments(LAYER "" "SOURCES" "DEPENDS" ${ARGN})
    set(include ${CMAKE_BINARY_DIR}/include/${name})
    file(MAKE_DIRECTORY ${include})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${include}/${name} SYMBOLIC)

    cmake_path(APPEND LAYER_SOURCES *.cpp)
    file(GLOB sources CONFIGURE_DEPENDS ${LAYER_SOURCES})
    if(sources)
        add_library(jac_${name} STATIC ${sources})
        target_compile_options(jac_${name} PRIVATE ${JAC_CLOUD_WARNINGS})
        set(scope PUBLIC)
    else()
        add_library(jac_${name} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_include_directories(jac_${name} ${scope} ${include})
    target_link_libraries(jac_${name} ${scope} jac_hardening ${LAYER_DEPENDS})
endfunction()
