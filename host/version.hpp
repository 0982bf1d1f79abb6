/// \file
/// The release and the git revision that this program was built from.
#pragma once

namespace sharpsweep {

const char* version(); ///< of the release, as CMakeLists.txt states it
const char* git_revision();

} // namespace sharpsweep
