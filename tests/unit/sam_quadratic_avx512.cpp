#include "sharpsweep/numerics/simd_avx512.hpp"
#include "tests/unit/sam_quadratic_lanes.hpp"

namespace sharpsweep::test {

constinit const TrainLanes<float> kAvx512Lanes32 = &train_lanes<Pack<avx512::F32, 2>>;
constinit const TrainLanes<double> kAvx512Lanes64 = &train_lanes<Pack<avx512::F64, 2>>;

} // namespace sharpsweep::test
