/// \file
/// The toy of the README's "Your own model": gradient descent with momentum on a parabola.
///
///     w <- w - eta lambda w + beta (w - w_before)
///
/// B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964): the
/// error shrinks by the larger root of x^2 - (1 - eta lambda + beta) x + beta a step.
#pragma once

#include "sharpsweep/models/network.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/numerics/select.hpp"
#include "sharpsweep/sweep/key_reader.hpp"

namespace sharpsweep::heavy_ball {

class Model {
public:
  static constexpr std::string_view name = "heavy_ball";
  static constexpr std::string_view title = "Phase diagram of the heavy ball on a parabola";
  static constexpr std::string_view reference = "B. T. Polyak (1964)";
  static constexpr std::string_view summary = "gradient descent with momentum on a parabola";

  static std::span<const Key> keys() { // axes are the output's dimensions, in this order
    static constexpr Key table[] = {
        {"model", "NAME", name, "the dynamics"},
        {"step_size", "AXIS > 0", "0.1", "step size eta", true},
        {"momentum", "AXIS >= 0", "0.5", "momentum beta", true},
        {"curvature", "NUMBER > 0", "1", "second derivative lambda"},
        common_key::with_default(common_key::seeds, "1"),
        common_key::first_seed,
        common_key::base_seed,
        common_key::with_default(common_key::steps, "200"),
        common_key::record,
        common_key::save,
        common_key::with_default(common_key::precision, "f64"),
    };
    return table;
  }

  Model(const KeyReader& keys, std::span<const Axis> axes) : curvature_(keys.number("curvature")) {
    if (!(curvature_ > 0)) throw UsageError("curvature: it has to be above 0");
    for (const double momentum : axes[1].values) {
      if (momentum < 0) throw UsageError("momentum: it has to be at least 0");
    }
  }

  std::vector<OrderParameterInfo> order_parameters() const {
    return {{"rate", "1", "ln |w| per step"}, {"weight", "1", "w at the end"}};
  }
  std::vector<OrderParameterInfo> predictions() const { return {}; }

  Shape shape(const Point&) const { return {}; } // all networks are alike
  static Sizes sizes(const Shape&) { return {.constants = 2, .state = 2, .weights = 1, .work = 0}; }

  bool start(const Point& point, NoiseKey, double* constants, double* state) const {
    constants[0] = -point["step_size"] * curvature_;
    constants[1] = point["momentum"];
    state[0] = state[1] = 1; // w and w before
    return true;
  }

  template <class R>
  SHARPSWEEP_INLINE static void advance(const Shape&, const Steps& steps, const NoiseLanes&,
                                        const R* constants, R* state, R*) {
    R w = state[0], before = state[1];
    for (std::uint32_t k = 0; k < steps.count; ++k) {
      const R next = fmadd(constants[0], w, fmadd(constants[1], sub(w, before), w));
      before = w;
      w = next;
    }
    state[0] = w;
    state[1] = before;
  }

  bool observe(const Point&, std::uint64_t step, const double*, const double* state,
               double* values) const {
    values[0] = portable::log(absolute(state[0])) / static_cast<double>(step);
    values[1] = state[0];
    return is_finite(state[0]);
  }

  void predict(const Point& point, double* values) const {
    const double beta = point["momentum"], b = 1 - point["step_size"] * curvature_ + beta;
    const double discriminant = b * b - 4 * beta;
    const double root =
        discriminant > 0 ? 0.5 * (absolute(b) + square_root(discriminant)) : square_root(beta);
    values[0] = portable::log(root);
    values[1] = std::numeric_limits<double>::quiet_NaN();
  }

private:
  double curvature_;
};

} // namespace sharpsweep::heavy_ball
