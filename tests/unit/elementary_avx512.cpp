#include "sharpsweep/numerics/simd_avx512.hpp"
#include "tests/unit/elementary_forms.hpp"

namespace sharpsweep::test {

constinit const TwoForms<float> kAvx512Floats = {
    form_of<avx512::F32>("AVX-512"), form_of<Pack<avx512::F32, 4>>("AVX-512, four in a Pack")};
constinit const TwoForms<double> kAvx512Doubles = {
    form_of<avx512::F64>("AVX-512"), form_of<Pack<avx512::F64, 2>>("AVX-512, two in a Pack")};

} // namespace sharpsweep::test
