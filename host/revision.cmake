# Writes OUT, a source file with VERSION and the git revision of SOURCE, only when it changes.
execute_process(
  COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE revision
  OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  set(revision "unknown")
endif()
set(content "#include \"host/version.hpp\"

const char* sharpsweep::version() { return \"${VERSION}\"; }
const char* sharpsweep::git_revision() { return \"${revision}\"; }
")
set(old "")
if(EXISTS ${OUT})
  file(READ ${OUT} old)
endif()
if(NOT old STREQUAL content)
  file(WRITE ${OUT} "${content}")
endif()
