#include "sharpsweep/numerics/simd_avx512.hpp"
#include "tests/unit/label_noise_lanes.hpp"

namespace sharpsweep::test {

constinit const LaneForm<float> kAvx512FloatLanes = lane_form<Pack<avx512::F32, 2>>();
constinit const LaneForm<double> kAvx512DoubleLanes = lane_form<Pack<avx512::F64, 2>>();

} // namespace sharpsweep::test
