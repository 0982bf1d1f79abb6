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
/// lane is one network, so that the sums over neurons and samples are loops. A sum over neurons is
/// the tree of pairwise_sum, which the threads of a GPU block can share; a sum within one neuron
/// (over samples or inputs) is a chain of fmadd in index order. No step branches on a value. The
/// functions named step... are the host's loops; a GPU thread that is one neuron calls activate()
/// and descend(), with its block's sum between them.
///
/// Arrays: z and slopes [neuron][sample], theta [neuron][input], inputs X [sample][input].
#pragma once

#include <cstddef>
#include <cstdint>

#include "sharpsweep/models/label_noise_activations.hpp"
#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/streams.hpp"
#include "sharpsweep/numerics/sums.hpp"

namespace sharpsweep::label_noise {

/// phi and phi' of one neuron at all samples, before the sum over neurons.
/// \param value  phi(z_i), `stride` apart
template <class Phi, class R>
SHARPSWEEP_INLINE void activate(const Phi& phi, std::size_t samples, const R* z, R* value,
                                std::size_t stride, R* slope) {
  for (std::size_t i = 0; i < samples; ++i) {
    const Activated<R> activated = phi(z[i]);
    value[i * stride] = activated.value;
    slope[i] = activated.slope;
  }
}

/// The step of one neuron in z-space, after the sum over neurons: z_k += sum_i M_ki e_i phi'(z_i).
/// \param minus_step_kernel  M = -(eta/n) K, or -eta K for one sample
/// \param slope  phi'(z_i); overwritten
template <class R>
SHARPSWEEP_INLINE void descend(std::size_t samples, const R* minus_step_kernel, const R* error,
                               R* slope, R* z) {
  for (std::size_t i = 0; i < samples; ++i) slope[i] = mul(error[i], slope[i]);
  for (std::size_t k = 0; k < samples; ++k) {
    // Summed before it is added: the change is small against z, which then rounds once.
    const R* row = minus_step_kernel + k * samples;
    R change = mul(row[0], slope[0]);
    for (std::size_t i = 1; i < samples; ++i) change = fmadd(row[i], slope[i], change);
    z[k] = add(z[k], change);
  }
}

/// What a step works in, cut out of one array of work_size() values.
template <class R>
struct Work {
  R* value; ///< phi(z_ij), [sample][neuron]
  R* slope; ///< phi'(z_ij), [neuron][sample]
  R* error; ///< e_i
  R* z;     ///< preactivations of one neuron
  Work(std::size_t samples, std::size_t neurons, R* work)
      : value(work), slope(value + samples * neurons), error(slope + samples * neurons),
        z(error + samples) {}
};

inline constexpr std::size_t work_size(std::size_t samples, std::size_t neurons) {
  return samples * (2 * neurons + 2);
}

/// One step in z-space on the full batch.
/// \param minus_step_kernel  -(eta/n) K
/// \param noisy_label  y_i + sigma xi_i of this step
/// \param work  work_size() values
template <class Phi, class R>
inline void step(const Phi& phi, std::size_t samples, std::size_t neurons,
                 const R* minus_step_kernel, const R* noisy_label, R* z, R* work) {
  const Work<R> w(samples, neurons, work);
  for (std::size_t j = 0; j < neurons; ++j) {
    activate(phi, samples, z + j * samples, w.value + j, neurons, w.slope + j * samples);
  }
  for (std::size_t i = 0; i < samples; ++i) {
    w.error[i] = sub(pairwise_sum(w.value + i * neurons, neurons), noisy_label[i]);
  }
  for (std::size_t j = 0; j < neurons; ++j) {
    descend(samples, minus_step_kernel, w.error, w.slope + j * samples, z + j * samples);
  }
}

/// One step in z-space on one sample, where lanes may have drawn different ones.
/// \param minus_step_kernel  -eta K
/// \param drawn  1 for the sample drawn, 0 for the others
template <class Phi, class R>
inline void step_on_drawn(const Phi& phi, std::size_t samples, std::size_t neurons,
                          const R* minus_step_kernel, const R* noisy_label, const R* drawn, R* z,
                          R* work) {
  const Work<R> w(samples, neurons, work);
  for (std::size_t j = 0; j < neurons; ++j) {
    activate(phi, samples, z + j * samples, w.value + j, neurons, w.slope + j * samples);
  }
  for (std::size_t i = 0; i < samples; ++i) {
    const R error = sub(pairwise_sum(w.value + i * neurons, neurons), noisy_label[i]);
    w.error[i] = mul(drawn[i], error);
  }
  for (std::size_t j = 0; j < neurons; ++j) {
    descend(samples, minus_step_kernel, w.error, w.slope + j * samples, z + j * samples);
  }
}

/// The same where all lanes drew sample `i`, at an n-th of the cost; finite results are equal,
/// since what a mask of zeros adds is zero.
template <class Phi, class R>
inline void step_on_sample(const Phi& phi, std::size_t samples, std::size_t neurons,
                           const R* minus_step_kernel, R noisy_label, std::size_t i, R* z,
                           R* work) {
  const Work<R> w(1, neurons, work);
  for (std::size_t j = 0; j < neurons; ++j) {
    activate(phi, 1, z + j * samples + i, w.value + j, 1, w.slope + j);
  }
  const R error = sub(pairwise_sum(w.value, neurons), noisy_label);
  for (std::size_t j = 0; j < neurons; ++j) {
    const R pull = mul(error, w.slope[j]);
    for (std::size_t k = 0; k < samples; ++k) {
      R& target = z[j * samples + k];
      target = add(target, mul(minus_step_kernel[k * samples + i], pull));
    }
  }
}

/// The preactivations z = Theta X^T of one neuron.
template <class R>
SHARPSWEEP_INLINE void preactivate(std::size_t samples, std::size_t inputs, const R* x,
                                   const R* theta, R* z) {
  for (std::size_t i = 0; i < samples; ++i) {
    const R* row = x + i * inputs;
    z[i] = mul(theta[0], row[0]);
    for (std::size_t k = 1; k < inputs; ++k) z[i] = fmadd(theta[k], row[k], z[i]);
  }
}

/// One step in parameter space. With all of `drawn` 1 and minus_step = -eta/n it is the full
/// batch's, with a single 1 and -eta that of the sample drawn. \param x  inputs [sample][input]
/// \param theta  parameters [neuron][input], updated in place
template <class Phi, class R>
inline void step_parameters(const Phi& phi, std::size_t samples, std::size_t neurons,
                            std::size_t inputs, const R* x, R minus_step, const R* noisy_label,
                            const R* drawn, R* theta, R* work) {
  const Work<R> w(samples, neurons, work);
  for (std::size_t j = 0; j < neurons; ++j) {
    preactivate(samples, inputs, x, theta + j * inputs, w.z);
    activate(phi, samples, w.z, w.value + j, neurons, w.slope + j * samples);
  }
  for (std::size_t i = 0; i < samples; ++i) {
    const R error = sub(pairwise_sum(w.value + i * neurons, neurons), noisy_label[i]);
    w.error[i] = mul(minus_step, mul(drawn[i], error));
  }
  for (std::size_t j = 0; j < neurons; ++j) {
    R* pull = w.slope + j * samples;
    for (std::size_t i = 0; i < samples; ++i) pull[i] = mul(w.error[i], pull[i]);
    for (std::size_t k = 0; k < inputs; ++k) {
      R change = mul(pull[0], x[k]);
      for (std::size_t i = 1; i < samples; ++i) change = fmadd(pull[i], x[i * inputs + k], change);
      theta[j * inputs + k] = add(theta[j * inputs + k], change);
    }
  }
}

/// y + sigma xi
template <class R>
SHARPSWEEP_INLINE R noisy_label(R label, R sigma, R noise) {
  return fmadd(sigma, noise, label);
}

// Where the noise lies (numerics/streams.hpp): the coordinate of a counter is the sample, so that
// more samples leave the noise of the old ones as it was; the position in a stream is the step.

/// Coordinate of the draws of samples: beyond every sample's own.
inline constexpr std::uint32_t kDrawCoordinate = 0xffffffffu;

inline constexpr std::uint64_t kSignsPerWord = 32;

/// The signs of steps 32 w .. 32 w + 31 of one sample, step 32 w + b in bit b: word w % 4 of block
/// w / 4. \param stream  the stream of label noise
SHARPSWEEP_INLINE std::uint32_t sign_word(std::uint64_t key, Stream stream, std::uint32_t seed,
                                          std::uint32_t sample, std::uint64_t w) {
  return stream_block(key, w / 4, sample, stream_word(stream, seed)).word[w % 4];
}

/// The noise +1 (bit clear) or -1 (bit set) of one step, from the word that holds it.
SHARPSWEEP_INLINE float sign_noise(std::uint32_t word, std::uint64_t step) {
  return as_float((word >> (step % kSignsPerWord)) << 31 | 0x3f800000u);
}
SHARPSWEEP_INLINE float sign_noise(std::uint64_t key, Stream stream, std::uint32_t seed,
                                   std::uint32_t sample, std::uint64_t step) {
  return sign_noise(sign_word(key, stream, seed, sample, step / kSignsPerWord), step);
}

/// Standard normal number `number` of a coordinate. Label noise: coordinate is the sample, number
/// the step. A Gaussian start: coordinate is the neuron, number the input; theta = scale * normal.
SHARPSWEEP_INLINE float normal_number(std::uint64_t key, Stream stream, std::uint32_t seed,
                                      std::uint32_t coordinate, std::uint64_t number) {
  const PhiloxBlock block = stream_block(key, number / 4, coordinate, stream_word(stream, seed));
  float normal[2];
  const std::uint64_t pair = number % 4 / 2;
  normal_pair<float, std::uint32_t>(block.word[2 * pair], block.word[2 * pair + 1], normal[0],
                                    normal[1]);
  return normal[number % 2];
}

/// The sample that a step of one sample draws: floor(n w / 2^32) of word w number `step`. No
/// sample's probability is off by more than 2^-32.
SHARPSWEEP_INLINE std::uint32_t drawn_sample(std::uint64_t key, Stream stream, std::uint32_t seed,
                                             std::uint64_t step, std::uint32_t samples) {
  const PhiloxBlock block = stream_block(key, step / 4, kDrawCoordinate, stream_word(stream, seed));
  return static_cast<std::uint32_t>((std::uint64_t{block.word[step % 4]} * samples) >> 32);
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

/// sum_ij (z_ij - mean_i)^2 / sum_ij z_ij^2, mean_i over the neurons: how far the neurons are from
/// being replicas of one. Exactly 0 for equal neurons, 0 for none at all.
template <class T>
SHARPSWEEP_INLINE double spread(std::size_t samples, std::size_t neurons, const T* z) {
  double deviations = 0, squares = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    // Deviations are taken from the first neuron's value: a rounded mean would leave a residue.
    const double first = static_cast<double>(z[i]);
    double mean = 0, around_first = 0;
    for (std::size_t j = 0; j < neurons; ++j) {
      const double value = static_cast<double>(z[j * samples + i]);
      mean = add(mean, sub(value, first));
      squares = fmadd(value, value, squares);
    }
    mean = div(mean, static_cast<double>(neurons));
    for (std::size_t j = 0; j < neurons; ++j) {
      const double deviation = sub(sub(static_cast<double>(z[j * samples + i]), first), mean);
      around_first = fmadd(deviation, deviation, around_first);
    }
    deviations = add(deviations, around_first);
  }
  return squares > 0 ? div(deviations, squares) : 0.0;
}

} // namespace sharpsweep::label_noise
