# What makes a fault hard to use: one target, which everything that is compiled here links. For optimised builds: a sanitizer finds
# more, and _FORTIFY_SOURCE does nothing without optimisation. docs/security.md says what each is for and costs.
include(CheckCXXCompilerFlag)

add_library(jac_hardening INTERFACE)
if(JAC_CLOUD_SANITIZERS)
    return()
endif()

set(optimised CONFIG:Release,RelWithDebInfo,MinSizeRel)
# Some systems define _FORTIFY_SOURCE by themselves, to a lower level.
target_compile_options(jac_hardening INTERFACE
    "$<$<${optimised}>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3;-D_GLIBCXX_ASSERTIONS>")
# The last two depend on the processor.
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection -mbranch-protection=standard)
    string(MAKE_C_IDENTIFIER "JAC_CLOUD_HAS${flag}" known)
    check_cxx_compiler_flag(${flag} ${known})
    if(${known})
        target_compile_options(jac_hardening INTERFACE "$<$<${optimised}>:${flag}>")
    endif()
endforeach()
target_link_options(jac_hardening INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
