#include "tests/unit/elementary_forms.hpp"

namespace sharpsweep::test {

constinit const TwoForms<float> kScalarFloats = {form_of<float>("scalar"),
                                                 form_of<Pack<float, 4>>("scalars in a Pack")};
constinit const TwoForms<double> kScalarDoubles = {form_of<double>("scalar"),
                                                   form_of<Pack<double, 4>>("scalars in a Pack")};

} // namespace sharpsweep::test
