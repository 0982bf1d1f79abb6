/// \file
/// The release and the git revision that this program was built from.
#pragma once

namespace sharpsweep {

inline constexpr const char* kVersion = "0.1.0";
const char* git_revision();

} // namespace sharpsweep
