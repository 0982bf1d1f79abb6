/// \file
/// S-SAM written a second time, as plainly as possible: one network, one coordinate, one layer
/// after the other, no tiles, no SIMD, no buffers. What the engine must equal bit for bit.
///
/// It shares with the engine the words (philox), the transform (normal_pair) and the portable exp,
/// log and root, which have tests of their own; everything else stands here anew.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/philox.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep::reference {

/// Normal number `n` of a stream of one coordinate. \param stream  the id that streams.hpp gives
inline float normal(std::uint64_t key, std::uint64_t n, float axis_value, std::uint32_t stream,
                    std::uint32_t seed) {
  std::uint32_t coordinate;
  std::memcpy(&coordinate, &axis_value, sizeof coordinate);
  const std::uint64_t block = n / 4;
  const PhiloxBlock words =
      philox({{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
               coordinate, stream << 28 | seed}},
             key);
  float pair[2];
  const std::size_t first = n % 4 / 2 * 2;
  normal_pair<float, std::uint32_t>(words.word[first], words.word[first + 1], pair[0], pair[1]);
  return pair[n % 2];
}

/// All weights of one coordinate and what they are trained with.
template <class T>
struct Coordinate {
  std::vector<T> w;
  T target;
  float axis_value;
  T product_group = 0; ///< products of up to 8 steps, summed in the precision of the weights
  double product_sum = 0;
};

template <class T>
void step_noisy(Coordinate<T>& c, const Configuration& cfg, std::uint32_t seed, std::uint64_t k,
                T minus_two_alpha) {
  const std::size_t depth = c.w.size();
  const T eta = static_cast<T>(cfg.eta);
  std::vector<T> p(depth), prefix(depth);
  for (std::size_t l = 0; l < depth; ++l) {
    const T z = static_cast<T>(normal(cfg.key, k * depth + l, c.axis_value, 0, seed));
    p[l] = std::fma(eta, z, c.w[l]);
    prefix[l] = l == 0 ? p[0] : prefix[l - 1] * p[l];
  }
  T s = minus_two_alpha * (prefix[depth - 1] - c.target);
  for (std::size_t l = depth - 1; l > 0; --l) {
    c.w[l] = std::fma(s, prefix[l - 1], c.w[l]);
    s = s * p[l];
  }
  c.w[0] = c.w[0] + s;
}

/// w_l <- w_l - 2 alpha [ w_l prod_{m != l} (w_m^2 + eta^2) - w* prod_{m != l} w_m ], the products
/// over m taken as (1 ... l-1) times (L ... l+1).
template <class T>
void step_noise_free(Coordinate<T>& c, const Configuration& cfg, T minus_two_alpha) {
  const std::size_t depth = c.w.size();
  const T eta2 = static_cast<T>(cfg.eta) * static_cast<T>(cfg.eta);
  const std::vector<T> old = c.w;
  for (std::size_t l = 0; l < depth; ++l) {
    T a_below = 1, w_below = 1, a_above = 1, w_above = 1;
    for (std::size_t m = 0; m < l; ++m) {
      a_below = a_below * std::fma(old[m], old[m], eta2);
      w_below = w_below * old[m];
    }
    for (std::size_t m = depth - 1; m > l; --m) {
      a_above = a_above * std::fma(old[m], old[m], eta2);
      w_above = w_above * old[m];
    }
    const T penalty = old[l] * (a_below * a_above);
    const T half_gradient = std::fma(-c.target, w_below * w_above, penalty);
    c.w[l] = std::fma(minus_two_alpha, half_gradient, old[l]);
  }
}

template <class T>
T sum_of_tree(std::vector<T> values) {
  if (values.size() == 1) return values[0];
  std::vector<T> half;
  for (std::size_t i = 0; i < values.size(); i += 2) {
    half.push_back(i + 1 < values.size() ? values[i] + values[i + 1] : values[i]);
  }
  return sum_of_tree(half);
}

template <class T>
void project(std::vector<Coordinate<T>>& network, T radius) {
  std::vector<T> squares;
  for (const auto& c : network) {
    T square = 0;
    for (const T w : c.w) square = std::fma(w, w, square);
    squares.push_back(square);
  }
  const T norm_squared = sum_of_tree(squares);
  if (norm_squared <= radius * radius) return;
  const T scale = std::isfinite(norm_squared) ? radius / std::sqrt(norm_squared)
                                              : std::numeric_limits<T>::quiet_NaN();
  for (auto& c : network) {
    for (T& w : c.w) w = w * scale;
  }
}

/// What one coordinate of one network ends with.
struct Outcome {
  std::vector<double> weights; ///< NaN if diverged
  std::vector<double> values;  ///< shrinkage, product, imbalance, loss, sharpness, Hessian trace
  bool finished = true;
};

template <class T>
Outcome outcome_of(const Coordinate<T>& c, const Configuration& cfg, double target,
                   std::uint64_t tail_steps) {
  const auto depth = static_cast<int>(c.w.size());
  const double eta2 = cfg.eta * cfg.eta;
  double product = 1, squares = 1, sharpness = 0, half_trace = 0, imbalance = 0;
  for (std::size_t l = 0; l < c.w.size(); ++l) {
    const double w = c.w[l], square = w * w;
    product = product * w;
    half_trace = std::fma(half_trace, square, squares);
    sharpness = std::fma(sharpness, square + eta2, squares * eta2);
    squares = squares * square;
    if (l > 0) {
      const double before = static_cast<double>(c.w[l - 1]) * static_cast<double>(c.w[l - 1]);
      const double difference = std::fabs(square - before);
      imbalance = difference <= imbalance ? imbalance : difference;
    }
  }
  const double mean = tail_steps > 0 ? c.product_sum / static_cast<double>(tail_steps) : product;
  const double ratio = mean / target;
  const double shrinkage = ratio > 0 && std::isfinite(ratio) ? portable::root(ratio, depth) : 0.0;
  Outcome out;
  out.values = {shrinkage, mean,          imbalance, (target - product) * (target - product),
                sharpness, 2 * half_trace};
  out.finished =
      std::all_of(out.values.begin(), out.values.end(), [](double v) { return std::isfinite(v); });
  for (const T w : c.w) out.weights.push_back(static_cast<double>(w));
  return out;
}

template <class T>
std::vector<Outcome> train_in(const Sweep& sweep, const Configuration& cfg, std::uint32_t seed) {
  std::vector<Coordinate<T>> network;
  for (std::size_t t = 0; t < sweep.target.size(); ++t) {
    Coordinate<T> c;
    c.axis_value = static_cast<float>(sweep.target[t]);
    c.target = static_cast<T>(sweep.target_value(cfg.depth, cfg.eta, t));
    for (int l = 0; l < cfg.depth; ++l) {
      const double s = cfg.init.scale;
      const bool first = l == 0, last = l == cfg.depth - 1;
      double w = s;
      switch (cfg.init.kind) {
      case ssam::Init::Kind::balanced:
        break;
      case ssam::Init::Kind::unbalanced:
        if (cfg.depth > 1 && first) w = s * cfg.init.ratio;
        if (cfg.depth > 1 && last) w = s / cfg.init.ratio;
        break;
      case ssam::Init::Kind::zero_last:
        w = last ? 0.0 : s;
        break;
      case ssam::Init::Kind::gaussian:
        w = s * static_cast<double>(
                    normal(cfg.key, static_cast<std::uint64_t>(l), c.axis_value, 1, seed));
        break;
      }
      c.w.push_back(static_cast<T>(w));
    }
    network.push_back(c);
  }
  const std::uint64_t first_tail = sweep.first_tail_step();
  for (std::uint64_t k = 0; k < sweep.steps; ++k) {
    T minus_two_alpha = static_cast<T>(-2 * cfg.alpha);
    if (sweep.schedule.kind != Schedule::Kind::constant) {
      const double x = 1 + static_cast<double>(k) / sweep.schedule.k0;
      const double factor = sweep.schedule.kind == Schedule::Kind::robbins_monro
                                ? 1 / x
                                : portable::exp(-sweep.schedule.gamma * portable::log(x));
      minus_two_alpha = minus_two_alpha * static_cast<T>(factor);
    }
    for (auto& c : network) {
      if (sweep.noise == Noise::none) {
        step_noise_free(c, cfg, minus_two_alpha);
      } else {
        step_noisy(c, cfg, seed, k, minus_two_alpha);
      }
    }
    if (sweep.projection_radius > 0) project(network, static_cast<T>(sweep.projection_radius));
    if (k < first_tail) continue;
    for (auto& c : network) {
      T product = c.w[0];
      for (std::size_t l = 1; l < c.w.size(); ++l) product = product * c.w[l];
      c.product_group = c.product_group + product;
      if ((k + 1) % 8 == 0 || k + 1 == sweep.steps) {
        c.product_sum = c.product_sum + static_cast<double>(c.product_group);
        c.product_group = 0;
      }
    }
  }
  std::vector<Outcome> outcomes;
  for (std::size_t t = 0; t < network.size(); ++t) {
    outcomes.push_back(outcome_of(network[t], cfg, sweep.target_value(cfg.depth, cfg.eta, t),
                                  sweep.steps - first_tail));
  }
  // A projected network diverges as a whole.
  const bool any_lost = std::any_of(outcomes.begin(), outcomes.end(),
                                    [](const Outcome& outcome) { return !outcome.finished; });
  for (Outcome& outcome : outcomes) {
    if (sweep.projection_radius > 0 && any_lost) outcome.finished = false;
    if (outcome.finished) continue;
    std::fill(outcome.weights.begin(), outcome.weights.end(),
              std::numeric_limits<double>::quiet_NaN());
    std::fill(outcome.values.begin(), outcome.values.end(),
              std::numeric_limits<double>::quiet_NaN());
  }
  return outcomes;
}

/// One network: one outcome a coordinate.
inline std::vector<Outcome> train(const Sweep& sweep, const Configuration& cfg,
                                  std::uint32_t seed) {
  return sweep.precision == Precision::f32 ? train_in<float>(sweep, cfg, seed)
                                           : train_in<double>(sweep, cfg, seed);
}

} // namespace sharpsweep::reference
