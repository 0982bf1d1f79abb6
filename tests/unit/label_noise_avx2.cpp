#include "sharpsweep/numerics/simd_avx2.hpp"
#include "tests/unit/label_noise_lanes.hpp"

namespace sharpsweep::test {

constinit const LaneForm<float> kAvx2FloatLanes = lane_form<Pack<avx2::F32, 2>>();
constinit const LaneForm<double> kAvx2DoubleLanes = lane_form<Pack<avx2::F64, 2>>();

} // namespace sharpsweep::test
