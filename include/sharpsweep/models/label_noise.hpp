/// \file
/// Gradient descent with label noise on two-layer networks.
///
/// K. Gatmiry, Z. Li, S. Reddi, S. Jegelka, "Simplicity Bias via Global Convergence of Sharpness
/// Minimization", arXiv 2410.16401 (2024). A network f(x) = sum_j phi(theta_j . x) of m neurons,
/// its second layer fixed to 1, learns n samples (x_i, y_i), the x_i linearly independent, with the
/// loss L = (1/2n) sum_i (f(x_i) - y_i)^2. Every step draws fresh noise xi_i for the labels; with
/// step size eta and label noise sigma
///
///     z_ij    = theta_j . x_i,    e_i = sum_j phi(z_ij) - (y_i + sigma xi_i)
///     theta_j <- theta_j - (eta/n) sum_i e_i phi'(z_ij) x_i
///
/// or, for one sample i drawn at random, theta_j <- theta_j - eta e_i phi'(z_ij) x_i. Multiplied by
/// x_k, with K = X X^T, the recursion closes in the preactivations (derived here):
///
///     z_kj <- z_kj - (eta/n) sum_i K_ki e_i phi'(z_ij)
///
/// and Theta = Theta_0 + (z - z_0)^T K^-1 X: the number of inputs d drops out of a step.
///
/// Everything that runs in a step is templated on the value type R: a number, or a pack whose every
/// lane is one network. No step branches on a value. The sums over neurons run over four, two or
/// one chains, as the number of samples says: each adds every fourth, second or next neuron in
/// turn, the first one also what is left over, and neighbours are added up at the end. Sums within
/// one neuron (over samples or inputs) are chains of fmadd in index order.
///
/// A form of the recursion (Diagonal, Dense, Parameters) has two halves: respond() finds the
/// outputs f(x_i) of the network and remembers what descend(), given the errors e_i, needs again.
///
/// Arrays: z and memo [neuron][sample], theta [neuron][input], inputs X [sample][input].
#pragma once

#include <cstddef>
#include <cstdint>

#include "sharpsweep/models/label_noise_activations.hpp"
#include "sharpsweep/numerics/fixed.hpp"
#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/streams.hpp"

namespace sharpsweep::label_noise {

/// The sizes of a network: n, m and d.
struct Extent {
  std::size_t samples;
  std::size_t neurons;
  std::size_t inputs; ///< of no meaning in z-space
};

/// Most samples that a network can have.
inline constexpr std::size_t kMaxSamples = 64;

/// sum_j phi(z_ij) of kSamples neighbouring samples. \param z  of the first one
/// \param stride  samples of a neuron \param memo  where the activation remembers
template <int kSamples, class Phi, class R>
SHARPSWEEP_INLINE void add_up(const Phi& phi, std::size_t stride, std::size_t neurons, const R* z,
                              R* memo, R* sum) {
  constexpr int kChains = kSamples == 1 ? 4 : kSamples <= 3 ? 2 : 1; // they hide latency
  R part[kChains * kSamples];
  SHARPSWEEP_UNROLL
  for (int i = 0; i < kChains * kSamples; ++i) part[i] = R(0);
  std::size_t j = 0;
  for (; j + kChains <= neurons; j += kChains) {
    SHARPSWEEP_UNROLL
    for (int c = 0; c < kChains; ++c) {
      SHARPSWEEP_UNROLL
      for (int i = 0; i < kSamples; ++i) {
        const std::size_t at =
            (j + static_cast<std::size_t>(c)) * stride + static_cast<std::size_t>(i);
        R& chain = part[c * kSamples + i];
        chain = phi.add_value(z[at], chain, memo + at);
      }
    }
  }
  for (; j < neurons; ++j) {
    SHARPSWEEP_UNROLL
    for (int i = 0; i < kSamples; ++i) {
      const std::size_t at = j * stride + static_cast<std::size_t>(i);
      part[i] = phi.add_value(z[at], part[i], memo + at);
    }
  }
  SHARPSWEEP_UNROLL
  for (int c = 1; c < kChains; c *= 2) {
    SHARPSWEEP_UNROLL
    for (int i = 0; i < kSamples; ++i) {
      SHARPSWEEP_UNROLL
      for (int to = 0; to < kChains; to += 2 * c) {
        part[to * kSamples + i] = add(part[to * kSamples + i], part[(to + c) * kSamples + i]);
      }
    }
  }
  SHARPSWEEP_UNROLL
  for (int i = 0; i < kSamples; ++i) sum[i] = part[i];
}

/// sum_i w_i sum_j phi'(z_ij)^2 in z-space. \param weight  w_i
template <class Phi, class R>
SHARPSWEEP_INLINE R weighted_squares(const Phi& phi, const Extent& extent, const R* weight,
                                     const R* z, const R* memo) {
  R sum(0);
  for (std::size_t i = 0; i < extent.samples; ++i) {
    R squares(0);
    for (std::size_t j = 0; j < extent.neurons; ++j) {
      const std::size_t at = j * extent.samples + i;
      const R slope = phi.slope(z[at], memo + at);
      squares = fmadd(slope, slope, squares);
    }
    sum = fmadd(weight[i], squares, sum);
  }
  return sum;
}

/// z-space with orthogonal inputs: samples decouple, z_ij += M_i e_i phi'(z_ij).
/// \tparam kSamples_, kNeurons_  n and m, or 0 where only extent knows them
template <int kSamples_, int kNeurons_>
struct Diagonal {
  static constexpr int kSamples = kSamples_, kNeurons = kNeurons_;
  /// \param z  what is trained \param memo  one value for each z
  template <class Phi, class R>
  static SHARPSWEEP_INLINE void respond(const Phi& phi, const Extent& extent, const R*, const R* z,
                                        R* memo, R* output) {
    const std::size_t n = kSamples > 0 ? kSamples : extent.samples;
    for (std::size_t i = 0; i < n; ++i) {
      add_up<1>(phi, n, extent.neurons, z + i, memo + i, output + i);
    }
  }
  /// \param minus_step_kernel  M_i = -(eta/n) |x_i|^2; -eta |x_i|^2 for one sample
  template <class Phi, class R>
  static SHARPSWEEP_INLINE void descend(const Phi& phi, const Extent& extent,
                                        const R* minus_step_kernel, R, const R* error, R* z,
                                        R* memo) {
    const std::size_t n = kSamples > 0 ? kSamples : extent.samples;
    for (std::size_t i = 0; i < n; ++i) {
      const R pull = mul(minus_step_kernel[i], error[i]);
      for (std::size_t j = 0; j < extent.neurons; ++j) {
        const std::size_t at = j * n + i;
        z[at] = fmadd(pull, phi.slope(z[at], memo + at), z[at]);
      }
    }
  }
  template <class Phi, class R>
  static SHARPSWEEP_INLINE R slope_squares(const Phi& phi, const Extent& extent, const R* weight,
                                           const R* z, const R* memo) {
    return weighted_squares(phi, extent, weight, z, memo);
  }
};

/// z-space with any inputs: z_kj += sum_i M_ki e_i phi'(z_ij).
/// \tparam kSamples_  n, or 0 where only extent knows it
template <int kSamples_>
struct Dense {
  static constexpr int kSamples = kSamples_, kNeurons = 0;
  template <class Phi, class R>
  static SHARPSWEEP_INLINE void respond(const Phi& phi, const Extent& extent, const R*, const R* z,
                                        R* memo, R* output) {
    if constexpr (kSamples > 0) {
      add_up<kSamples>(phi, kSamples, extent.neurons, z, memo, output);
    } else {
      const std::size_t n = extent.samples;
      for (std::size_t i = 0; i < n; ++i) output[i] = R(0);
      for (std::size_t j = 0; j < extent.neurons; ++j) {
        for (std::size_t i = 0; i < n; ++i) {
          const std::size_t at = j * n + i;
          output[i] = phi.add_value(z[at], output[i], memo + at);
        }
      }
    }
  }
  /// \param minus_step_kernel  M = -(eta/n) K; -eta K for one sample
  template <class Phi, class R>
  static SHARPSWEEP_INLINE void descend(const Phi& phi, const Extent& extent,
                                        const R* minus_step_kernel, R, const R* error, R* z,
                                        R* memo) {
    const auto n = fixed_or<kSamples>(static_cast<int>(extent.samples));
    R pull[kSamples > 0 ? kSamples : kMaxSamples];
    for (std::size_t j = 0; j < extent.neurons; ++j, z += n, memo += n) {
      each(n,
           [&](int i) SHARPSWEEP_INLINED { pull[i] = mul(error[i], phi.slope(z[i], memo + i)); });
      each(n, [&](int k) SHARPSWEEP_INLINED {
        // Summed before it is added: the change is small against z, which then rounds once.
        const R* row = minus_step_kernel + k * n;
        R change = mul(row[0], pull[0]);
        each(
            n, [&](int i) SHARPSWEEP_INLINED { change = fmadd(row[i], pull[i], change); }, 1);
        z[k] = add(z[k], change);
      });
    }
  }
  template <class Phi, class R>
  static SHARPSWEEP_INLINE R slope_squares(const Phi& phi, const Extent& extent, const R* weight,
                                           const R* z, const R* memo) {
    return weighted_squares(phi, extent, weight, z, memo);
  }
};

/// Parameter space: theta_j -= (eta/n) sum_i e_i phi'(z_ij) x_i.
struct Parameters {
  static constexpr int kSamples = 0, kNeurons = 0;
  /// \param x  inputs [sample][input] \param theta  what is trained
  /// \param memo  phi'(z_ij), [neuron][sample]
  template <class Phi, class R>
  static SHARPSWEEP_INLINE void respond(const Phi& phi, const Extent& extent, const R* x,
                                        const R* theta, R* memo, R* output) {
    for (std::size_t i = 0; i < extent.samples; ++i) output[i] = R(0);
    for (std::size_t j = 0; j < extent.neurons; ++j, theta += extent.inputs) {
      for (std::size_t i = 0; i < extent.samples; ++i, ++memo) {
        const R* row = x + i * extent.inputs;
        R z = mul(theta[0], row[0]);
        for (std::size_t k = 1; k < extent.inputs; ++k) z = fmadd(theta[k], row[k], z);
        R remembered;
        output[i] = phi.add_value(z, output[i], &remembered);
        *memo = phi.slope(z, &remembered);
      }
    }
  }
  /// \param minus_step  -eta/n; -eta for one sample
  template <class Phi, class R>
  static SHARPSWEEP_INLINE void descend(const Phi&, const Extent& extent, const R* x, R minus_step,
                                        const R* error, R* theta, R* memo) {
    const std::size_t n = extent.samples, d = extent.inputs;
    for (std::size_t j = 0; j < extent.neurons; ++j, theta += d, memo += n) {
      for (std::size_t i = 0; i < n; ++i) memo[i] = mul(mul(minus_step, error[i]), memo[i]);
      for (std::size_t k = 0; k < d; ++k) {
        R change = mul(memo[0], x[k]);
        for (std::size_t i = 1; i < n; ++i) change = fmadd(memo[i], x[i * d + k], change);
        theta[k] = add(theta[k], change);
      }
    }
  }
  template <class Phi, class R>
  static SHARPSWEEP_INLINE R slope_squares(const Phi&, const Extent& extent, const R* weight,
                                           const R*, const R* memo) {
    R sum(0);
    for (std::size_t i = 0; i < extent.samples; ++i) {
      R squares(0);
      for (std::size_t j = 0; j < extent.neurons; ++j) {
        const R slope = memo[j * extent.samples + i];
        squares = fmadd(slope, slope, squares);
      }
      sum = fmadd(weight[i], squares, sum);
    }
    return sum;
  }
};

/// y + sigma xi
template <class R>
SHARPSWEEP_INLINE R noisy_label(R label, R sigma, R noise) {
  return fmadd(sigma, noise, label);
}

// Where the noise lies (numerics/streams.hpp): the coordinate of a counter is the sample, so that
// more samples leave the noise of the old ones as it was; the position in a stream is the step.

inline constexpr std::uint64_t kSignsPerWord = 32, kSignsPerBlock = 128;

/// Four words of signs, of steps 128 b .. 128 b + 127 of one sample: 32 steps a word, from its top
/// bit down.
SHARPSWEEP_INLINE PhiloxBlock sign_block(std::uint64_t key, std::uint32_t seed,
                                         std::uint32_t sample, std::uint64_t b) {
  return stream_block(key, b, sample, stream_word(Stream::label, seed));
}

/// The noise of one step: +1 (bit clear) or -1 (bit set).
SHARPSWEEP_INLINE float sign_noise(std::uint64_t key, std::uint32_t seed, std::uint32_t sample,
                                   std::uint64_t step) {
  const PhiloxBlock block = sign_block(key, seed, sample, step / kSignsPerBlock);
  const std::uint32_t word = block.word[step % kSignsPerBlock / kSignsPerWord];
  return as_float((word << (step % kSignsPerWord) & 0x80000000u) | 0x3f800000u);
}

/// Standard normal numbers 4 b .. 4 b + 3 of a coordinate.
SHARPSWEEP_INLINE void normal_block(std::uint64_t key, Stream stream, std::uint32_t seed,
                                    std::uint32_t coordinate, std::uint64_t b, float normal[4]) {
  const PhiloxBlock block = stream_block(key, b, coordinate, stream_word(stream, seed));
  normal_pair<float, std::uint32_t>(block.word[0], block.word[1], normal[0], normal[1]);
  normal_pair<float, std::uint32_t>(block.word[2], block.word[3], normal[2], normal[3]);
}

/// Standard normal number `number` of a coordinate. Label noise: coordinate is the sample, number
/// the step. A Gaussian start: coordinate is the neuron, number the input; theta = scale * normal.
SHARPSWEEP_INLINE float normal_number(std::uint64_t key, Stream stream, std::uint32_t seed,
                                      std::uint32_t coordinate, std::uint64_t number) {
  float normal[4];
  normal_block(key, stream, seed, coordinate, number / 4, normal);
  return normal[number % 4];
}

/// The samples that steps 4 b .. 4 b + 3 draw: floor(n w / 2^32) of each word w. No sample's
/// probability is off by more than 2^-32.
SHARPSWEEP_INLINE PhiloxBlock drawn_samples(std::uint64_t key, std::uint32_t seed, std::uint64_t b,
                                            std::uint32_t samples) {
  PhiloxBlock block = stream_block(key, b, 0, stream_word(Stream::drawn, seed));
  for (std::uint32_t& word : block.word) {
    word = static_cast<std::uint32_t>((std::uint64_t{word} * samples) >> 32);
  }
  return block;
}

// Order parameters of a final state, read in double from any array of preactivations.

/// The loss L of the clean labels. \param z  [neuron][sample]
template <class T>
SHARPSWEEP_INLINE double loss(const Activation& phi, std::size_t samples, std::size_t neurons,
                              const double* label, const T* z) {
  double sum = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    double residual = -label[i];
    for (std::size_t j = 0; j < neurons; ++j) {
      residual = add(residual, jet(phi, static_cast<double>(z[j * samples + i])).value);
    }
    sum = fmadd(residual, residual, sum);
  }
  return div(sum, static_cast<double>(2 * samples));
}

/// F = (1/n) sum_i |x_i|^2 sum_j phi'(z_ij)^2, the trace of the loss's Hessian where the loss is
/// zero. \param kernel  K, whose diagonal is |x_i|^2
template <class T>
SHARPSWEEP_INLINE double hessian_trace(const Activation& phi, std::size_t samples,
                                       std::size_t neurons, const double* kernel, const T* z) {
  double sum = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    double squares = 0;
    for (std::size_t j = 0; j < neurons; ++j) {
      const double slope = jet(phi, static_cast<double>(z[j * samples + i])).slope;
      squares = fmadd(slope, slope, squares);
    }
    sum = fmadd(kernel[i * samples + i], squares, sum);
  }
  return div(sum, static_cast<double>(samples));
}

/// sum_ij (z_ij - mean_i)^2, mean_i over the neurons. Exactly 0 for equal neurons.
template <class T>
SHARPSWEEP_INLINE double deviations(std::size_t samples, std::size_t neurons, const T* z) {
  double sum = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    // Deviations are taken from the first neuron's value: a rounded mean would leave a residue.
    const double first = static_cast<double>(z[i]);
    double mean = 0, around_first = 0;
    for (std::size_t j = 0; j < neurons; ++j) {
      mean = add(mean, sub(static_cast<double>(z[j * samples + i]), first));
    }
    mean = div(mean, static_cast<double>(neurons));
    for (std::size_t j = 0; j < neurons; ++j) {
      const double deviation = sub(sub(static_cast<double>(z[j * samples + i]), first), mean);
      around_first = fmadd(deviation, deviation, around_first);
    }
    sum = add(sum, around_first);
  }
  return sum;
}

/// deviations() / sum_ij z_ij^2: how far the neurons are from being replicas of one. 0 for no
/// preactivations at all.
template <class T>
SHARPSWEEP_INLINE double spread(std::size_t samples, std::size_t neurons, const T* z) {
  double squares = 0;
  for (std::size_t at = 0; at < samples * neurons; ++at) {
    squares = fmadd(static_cast<double>(z[at]), static_cast<double>(z[at]), squares);
  }
  return squares > 0 ? div(deviations(samples, neurons, z), squares) : 0.0;
}

} // namespace sharpsweep::label_noise
