// The scaling law in everything that a run yields: in units w = eta w', w* = eta^L w*' only
// alpha' = alpha eta^(2L-2) matters, and for eta a power of two the law holds bit for bit.
// (Final weights of depths 2 to 10 under every start: dynamics_test.cpp.)

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sharpsweep/sweep/axis.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::diagram;
using test::values;

/// Equal bits after multiplication by eta^-power, which is exact; NaN equals NaN.
/// \return how many values were finite
int expect_scaled(const Dataset& scaled, const Dataset& one, const std::string& name, double eta,
                  int power) {
  const auto& a = values(scaled, name);
  const auto& b = values(one, name);
  EXPECT_EQ(a.size(), b.size());
  int finite = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (std::isnan(b[i])) {
      EXPECT_TRUE(std::isnan(a[i])) << name << " " << i;
      continue;
    }
    EXPECT_EQ(a[i] * std::pow(eta, -power), b[i]) << name << " " << i << ", eta = " << eta;
    ++finite;
  }
  return finite;
}

TEST(ScalingLaw, HoldsBitForBitInOrderParametersThresholdsAndTheory) {
  struct Case {
    int depth;
    const char* steps; ///< small enough that no network diverges
  };
  for (const Case& c : {Case{2, "1e-4, 3e-4"}, Case{3, "1e-4, 3e-4"}, Case{4, "1e-5, 3e-5"},
                        Case{5, "1e-6, 3e-6"}}) {
    const int depth = c.depth;
    for (const char* noise : {"gaussian", "none"}) {
      for (const char* precision : {"f32", "f64"}) {
        for (const int base_seed : {1, 2}) {
          const auto at = [&](double eta) {
            return diagram("depth = " + std::to_string(depth) + "\neta = " + format_number(eta) +
                           "\ninit = [\"balanced(" + format_number(eta) + ")\", \"unbalanced(" +
                           format_number(eta) +
                           ",1.5)\"]\nstep_size_unit = \"scaled\"\n"
                           "step_size = [" +
                           c.steps +
                           "]\ntarget_unit = \"threshold\"\n"
                           "target = \"lin(0.5,3,11)\"\nseeds = 70\nsteps = 3000\nrecord = 5\n"
                           "save = \"weights\"\nnoise = \"" +
                           noise + "\"\nprecision = \"" + precision +
                           "\"\nbase_seed = " + std::to_string(base_seed) + "\n");
          };
          const Dataset one = at(1);

          for (const double eta : {0.25, 0.5}) {
            const Dataset scaled = at(eta);

            EXPECT_EQ(expect_scaled(scaled, one, "weight", eta, 1), 2 * 2 * 11 * 70 * depth);
            for (const std::string kind : {"_mean", "_std", "_path_mean", "_path_std"}) {
              EXPECT_GE(expect_scaled(scaled, one, "product" + kind, eta, depth), 44);
              EXPECT_GE(expect_scaled(scaled, one, "shrinkage" + kind, eta, 0), 44);
              expect_scaled(scaled, one, "imbalance" + kind, eta, 2);
              expect_scaled(scaled, one, "loss" + kind, eta, 2 * depth);
              expect_scaled(scaled, one, "average_sharpness" + kind, eta, 2 * depth);
              expect_scaled(scaled, one, "hessian_trace" + kind, eta, 2 * depth - 2);
            }
            expect_scaled(scaled, one, "survival", eta, 0);
            for (const char* name : {"threshold", "threshold_low", "threshold_high"}) {
              expect_scaled(scaled, one, name, eta, depth);
            }
            EXPECT_EQ(expect_scaled(scaled, one, "threshold_theory", eta, depth), 4);
            EXPECT_EQ(expect_scaled(scaled, one, "product_theory", eta, depth), 44);
          }
        }
      }
    }
  }
}

TEST(ScalingLaw, HoldsBitForBitForOneLayer) {
  // One layer has no threshold, so targets are absolute. A coordinate's noise is named by its
  // target: with noise only w* = 0 keeps it while w* = eta w*'.
  for (const char* precision : {"f32", "f64"}) {
    for (const char* noise : {"gaussian", "none"}) {
      const auto at = [&](double eta) {
        const std::string targets = noise == std::string("none")
                                        ? format_number(0.7 * eta) + ", " + format_number(-3 * eta)
                                        : "0";
        return diagram("depth = 1\nstep_size = [0.01, 0.2]\nsteps = 300\nseeds = 8\nsave = "
                       "\"weights\"\neta = " +
                       format_number(eta) + "\ninit = \"balanced(" + format_number(1.3 * eta) +
                       ")\"\ntarget = [" + targets + "]\nnoise = \"" + noise +
                       "\"\nprecision = \"" + precision + "\"\n");
      };
      const Dataset one = at(1);

      for (const double eta : {0.25, 0.5}) {
        const Dataset scaled = at(eta);

        EXPECT_GE(expect_scaled(scaled, one, "weight", eta, 1), 16);
        expect_scaled(scaled, one, "product_mean", eta, 1);
        expect_scaled(scaled, one, "loss_mean", eta, 2);
      }
    }
  }
}

} // namespace
} // namespace sharpsweep
