# Flags of every target. Warnings are errors: a warning that may stay is switched off here, with the reason.
add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -Wthread-safety
  -Wno-missing-field-initializers  # designated initialisers leave members at their declared defaults
  -Wno-gnu-zero-variadic-macro-arguments
  -fno-omit-frame-pointer -march=x86-64-v2)
target_link_options(weir_flags INTERFACE -fuse-ld=lld-19)
if(WEIR_SANITIZE)
  target_compile_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_include_directories(weir_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
