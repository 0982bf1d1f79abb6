#include "sharpsweep/numerics/simd_avx2.hpp"
#include "tests/unit/sam_quadratic_lanes.hpp"

namespace sharpsweep::test {

constinit const TrainLanes<float> kAvx2Lanes32 = &train_lanes<Pack<avx2::F32, 2>>;
constinit const TrainLanes<double> kAvx2Lanes64 = &train_lanes<Pack<avx2::F64, 2>>;

} // namespace sharpsweep::test
