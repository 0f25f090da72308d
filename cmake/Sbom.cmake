# The list of what a wheel carries, among its metadata (PEP 770). A build that makes no wheel has none.
if(NOT SKBUILD_METADATA_DIR)
    return()
endif()
set(optional)
if(JAC_CLOUD_TLS_STATIC)
    list(APPEND optional openssl=${JAC_CLOUD_OPENSSL_VERSION})
endif()
set(sbom ${CMAKE_BINARY_DIR}/jac-cloud-native.cdx.json)
execute_process(
    COMMAND ${Python_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/sbom.py ${sbom} ${optional}
    ERROR_VARIABLE sbom_error
    RESULT_VARIABLE sbom_result)
if(NOT sbom_result EQUAL 0)
    message(FATAL_ERROR "The SBOM could not be written: ${sbom_error}")
endif()
install(FILES ${sbom} DESTINATION ${SKBUILD_METADATA_DIR}/sboms COMPONENT metadata)
