#include "sharpsweep/numerics/simd_avx2.hpp"
#include "tests/unit/elementary_forms.hpp"

namespace sharpsweep::test {

constinit const TwoForms<float> kAvx2Floats = {form_of<avx2::F32>("AVX2"),
                                               form_of<Pack<avx2::F32, 4>>("AVX2, four in a Pack")};
constinit const TwoForms<double> kAvx2Doubles = {
    form_of<avx2::F64>("AVX2"), form_of<Pack<avx2::F64, 2>>("AVX2, two in a Pack")};

} // namespace sharpsweep::test
