# TLS, where the system has OpenSSL to build with. Linked from the static libraries where there are any, so that the wheel
# carries it and Python's own _ssl keeps to another copy; else from the shared ones, which the wheel then needs.
option(JAC_CLOUD_TLS_WANTED "Serve TLS where OpenSSL is there" ON)

include(CheckCXXSourceCompiles)

# Whether a module for Python can be linked with it: static libraries may lack position independence, or others.
function(jac_try_openssl static result)
    set(OPENSSL_USE_STATIC_LIBS ${static})
    foreach(known OPENSSL_SSL_LIBRARY OPENSSL_CRYPTO_LIBRARY)
        unset(${known} CACHE)
    endforeach()
    find_package(OpenSSL 3.0 QUIET)
    if(NOT OpenSSL_FOUND)
        set(${result} FALSE PARENT_SCOPE)
        return()
    endif()
    set(libraries ${OPENSSL_LIBRARIES} ${CMAKE_DL_LIBS} Threads::Threads)
    set(CMAKE_REQUIRED_QUIET TRUE)
    set(CMAKE_REQUIRED_INCLUDES ${OPENSSL_INCLUDE_DIR})
    set(CMAKE_REQUIRED_LIBRARIES ${libraries})
    set(CMAKE_REQUIRED_FLAGS -fPIC)
    set(CMAKE_REQUIRED_LINK_OPTIONS -shared -Wl,--no-undefined)
    check_cxx_source_compiles("
        #include <openssl/ssl.h>
        extern \"C\" void* probe() { return SSL_CTX_new(TLS_server_method()); }" ${result}_LINKS)
    set(${result} ${${result}_LINKS} PARENT_SCOPE)
    set(JAC_CLOUD_OPENSSL_LIBRARIES ${libraries} PARENT_SCOPE)
    set(JAC_CLOUD_OPENSSL_VERSION ${OPENSSL_VERSION} PARENT_SCOPE)
    set(JAC_CLOUD_OPENSSL_INCLUDE ${OPENSSL_INCLUDE_DIR} PARENT_SCOPE)
endfunction()

set(JAC_CLOUD_TLS FALSE)
if(JAC_CLOUD_TLS_WANTED)
    jac_try_openssl(TRUE JAC_CLOUD_TLS_STATIC)
    if(JAC_CLOUD_TLS_STATIC)
        set(JAC_CLOUD_TLS TRUE)
    else()
        jac_try_openssl(FALSE JAC_CLOUD_TLS_SHARED)
        set(JAC_CLOUD_TLS ${JAC_CLOUD_TLS_SHARED})
    endif()
endif()

if(JAC_CLOUD_TLS)
    add_library(jac_openssl INTERFACE)
    target_include_directories(jac_openssl SYSTEM INTERFACE ${JAC_CLOUD_OPENSSL_INCLUDE})
    target_link_libraries(jac_openssl INTERFACE ${JAC_CLOUD_OPENSSL_LIBRARIES})
    # Nobody else may find these symbols, and they may find nobody else's.
    target_link_options(jac_openssl INTERFACE -Wl,--exclude-libs,libssl.a:libcrypto.a)
    if(NOT JAC_CLOUD_TLS_STATIC)
        set(note "jac-cloud-native: OpenSSL is linked as the system's shared library, which this build then needs")
    endif()
else()
    set(note "jac-cloud-native was built without TLS (--tls-cert), for OpenSSL 3 was not found. For TLS: apt-get install libssl-dev, and build again")
endif()

# At the end of the build, where it is read.
if(note)
    install(CODE "message(NOTICE \"${note}\")" COMPONENT python)
endif()
