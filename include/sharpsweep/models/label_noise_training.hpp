/// \file
/// Training of label_noise: what networks side by side have in common, where their numbers lie, the
/// noise of their lanes, and the steps of a slice.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sharpsweep/models/label_noise.hpp"
#include "sharpsweep/models/network.hpp"
#include "sharpsweep/numerics/select.hpp"

namespace sharpsweep::label_noise {

enum class Batch : std::int32_t { full, single };
enum class Noise : std::int32_t { signs, normal, none };
enum class Form : std::int32_t { diagonal, dense, parameters };

/// A Shape as this model reads it: what the networks of a batch have in common.
struct Common {
  Activation::Kind activation;
  Form form;
  Batch batch;
  Noise noise;
  Extent extent;
  bool keeps_start;         ///< for the slow flow
  std::uint64_t first_tail; ///< the step at which the window of averages begins
  static constexpr std::uint64_t kNever = ~std::uint64_t{0}; ///< there is no window

  SHARPSWEEP_INLINE explicit Common(const Shape& shape)
      : activation(static_cast<Activation::Kind>(shape.word[0] & 3)),
        form(static_cast<Form>(shape.word[0] >> 2 & 3)),
        batch(static_cast<Batch>(shape.word[0] >> 4 & 1)),
        noise(static_cast<Noise>(shape.word[0] >> 5 & 3)),
        extent{static_cast<std::size_t>(shape.word[1]), static_cast<std::size_t>(shape.word[2]),
               static_cast<std::size_t>(shape.word[3])},
        keeps_start(shape.word[0] >> 7 & 1),
        first_tail(std::uint64_t{static_cast<std::uint32_t>(shape.word[4])} |
                   std::uint64_t{static_cast<std::uint32_t>(shape.word[5])} << 32) {}
  Common() = default;
  Shape shape() const {
    const auto word = [](auto x) { return static_cast<std::int32_t>(x); };
    return {{word(activation) | word(form) << 2 | word(batch) << 4 | word(noise) << 5 |
                 word(keeps_start) << 7,
             word(extent.samples), word(extent.neurons), word(extent.inputs),
             word(static_cast<std::uint32_t>(first_tail)),
             word(static_cast<std::uint32_t>(first_tail >> 32))}};
  }

  SHARPSWEEP_INLINE std::size_t preactivations() const { return extent.samples * extent.neurons; }
  /// Numbers that are trained: z or Theta.
  SHARPSWEEP_INLINE std::size_t weights() const {
    return (form == Form::parameters ? extent.inputs : extent.samples) * extent.neurons;
  }
  /// Entries of the matrix of the form: M or X.
  SHARPSWEEP_INLINE std::size_t matrix() const {
    return extent.samples * (form == Form::diagonal ? 1
                             : form == Form::dense  ? extent.samples
                                                    : extent.inputs);
  }
};

/// Where the constants of a network lie.
template <class R>
struct Constants {
  static constexpr std::size_t kScalars = 4;
  R *k, *q, *sigma, *minus_step;
  R* label;  ///< y_i
  R* weight; ///< |x_i|^2 / n
  R* matrix;
  R* start; ///< z at the start, if it is kept
  SHARPSWEEP_INLINE Constants(const Common& common, R* c)
      : k(c), q(c + 1), sigma(c + 2), minus_step(c + 3), label(c + kScalars),
        weight(label + common.extent.samples), matrix(weight + common.extent.samples),
        start(matrix + common.matrix()) {}
  static std::size_t count(const Common& common) {
    return kScalars + 2 * common.extent.samples + common.matrix() +
           (common.keeps_start ? common.preactivations() : 0);
  }
};

/// Where the state of a network lies. Everything but the weights exists with a window only.
template <class R>
struct TrainingState {
  R* weights;
  R* squares; ///< sums of sum_i r_i^2 and of F over the window's steps, each with what it lost
  R* begin;   ///< the weights when the window began
  SHARPSWEEP_INLINE TrainingState(const Common& common, R* s)
      : weights(s), squares(s + common.weights()), begin(squares + 4) {}
  static std::size_t count(const Common& common) {
    return common.first_tail == Common::kNever ? common.weights() : 2 * common.weights() + 4;
  }
};

/// Adds to sum[0] by Kahan's compensated summation; what rounding lost is in sum[1].
template <class R>
SHARPSWEEP_INLINE void add_compensated(R* sum, R x) {
  const R term = sub(x, sum[1]);
  const R total = add(sum[0], term);
  sum[1] = sub(sub(total, sum[0]), term);
  sum[0] = total;
}

/// The noise of some steps ahead: each lane has its own key and seed.
template <class R>
struct NoiseAhead {
  using T = typename ValueTraits<R>::Scalar;
  static constexpr int kWidth = ValueTraits<R>::width;
  const NoiseLanes& lanes;
  std::size_t samples;
  R* words; ///< [4][sample]: words of signs, or the normals of four steps
  R* drawn; ///< [4]: the samples that four steps draw

  static SHARPSWEEP_INLINE std::size_t work(std::size_t samples) { return 4 * samples + 4; }
  SHARPSWEEP_INLINE NoiseAhead(const NoiseLanes& l, std::size_t n, R* work)
      : lanes(l), samples(n), words(work), drawn(work + 4 * n) {}

  /// A value whose sign is the next one: the word in its top bits.
  static SHARPSWEEP_INLINE float top(std::uint32_t word, float) { return as_float(word); }
  static SHARPSWEEP_INLINE double top(std::uint32_t word, double) {
    return as_double(std::uint64_t{word} << 32);
  }

  SHARPSWEEP_NOINLINE void draw_signs(std::uint64_t step) {
    for (std::size_t i = 0; i < samples; ++i) {
      alignas(64) T word[4][kWidth];
      for (int lane = 0; lane < kWidth; ++lane) {
        PhiloxBlock block = sign_block(lanes.key[lane], lanes.seed[lane],
                                       static_cast<std::uint32_t>(i), step / kSignsPerBlock);
        // Of the current word, the signs of earlier steps are gone.
        block.word[step % kSignsPerBlock / kSignsPerWord] <<= step % kSignsPerWord;
        for (int q = 0; q < 4; ++q) word[q][lane] = top(block.word[q], T());
      }
      for (std::size_t q = 0; q < 4; ++q) words[q * samples + i] = ValueTraits<R>::load(word[q]);
    }
  }
  SHARPSWEEP_NOINLINE void draw_normals(std::uint64_t step) {
    for (std::size_t i = 0; i < samples; ++i) {
      alignas(64) T value[4][kWidth];
      for (int lane = 0; lane < kWidth; ++lane) {
        float normal[4];
        normal_block(lanes.key[lane], Stream::label, lanes.seed[lane],
                     static_cast<std::uint32_t>(i), step / 4, normal);
        for (int q = 0; q < 4; ++q) value[q][lane] = static_cast<T>(normal[q]);
      }
      for (std::size_t q = 0; q < 4; ++q) words[q * samples + i] = ValueTraits<R>::load(value[q]);
    }
  }
  SHARPSWEEP_NOINLINE void draw_samples(std::uint64_t step) {
    alignas(64) T index[4][kWidth];
    for (int lane = 0; lane < kWidth; ++lane) {
      const PhiloxBlock block = drawn_samples(lanes.key[lane], lanes.seed[lane], step / 4,
                                              static_cast<std::uint32_t>(samples));
      for (int q = 0; q < 4; ++q) index[q][lane] = static_cast<T>(block.word[q]);
    }
    for (std::size_t q = 0; q < 4; ++q) drawn[q] = ValueTraits<R>::load(index[q]);
  }
};

/// All steps of a slice.
template <class Recursion, class Phi, class R>
SHARPSWEEP_INLINE void train(const Phi& phi, const Common& common, const Steps& steps,
                             const NoiseLanes& noise_lanes, const R* constants, R* state_values,
                             R* work) {
  constexpr std::size_t kSamples = Recursion::kSamples, kNeurons = Recursion::kNeurons;
  Extent extent = common.extent;
  if (kSamples > 0) extent.samples = kSamples;
  if (kNeurons > 0) extent.neurons = kNeurons;
  const std::size_t n = extent.samples;
  const Constants<const R> c(common, constants);
  const TrainingState<R> state(common, state_values);
  NoiseAhead<R> noise(noise_lanes, n, work);
  R* const far_memo = work + NoiseAhead<R>::work(n);
  R own_error[kSamples > 0 ? kSamples : 1], own_word[kSamples > 0 ? kSamples : 1];
  for (R& word : own_word) word = R(0);
  R* const error = kSamples > 0 ? own_error : far_memo + common.preactivations();
  // Small networks stay in registers.
  constexpr std::size_t kWeights = kSamples * kNeurons;
  R own_weights[kWeights > 0 ? kWeights : 1], own_memo[kWeights > 0 ? kWeights : 1];
  R* const weights = kWeights > 0 ? own_weights : state.weights;
  R* const memo = kWeights > 0 ? own_memo : far_memo;
  if constexpr (kWeights > 0) {
    for (std::size_t i = 0; i < kWeights; ++i) weights[i] = state.weights[i];
  }
  const R sigma = *c.sigma, minus_step = *c.minus_step;

  for (std::uint64_t t = steps.first; t < steps.first + steps.count; ++t) {
    const bool begins = t == steps.first;
    if (common.noise == Noise::signs && (begins || t % kSignsPerBlock == 0)) noise.draw_signs(t);
    if (common.noise == Noise::normal && (begins || t % 4 == 0)) noise.draw_normals(t);
    if (common.batch == Batch::single && (begins || t % 4 == 0)) noise.draw_samples(t);
    if (t == common.first_tail) {
      for (std::size_t i = 0; i < common.weights(); ++i) state.begin[i] = weights[i];
    }

    Recursion::respond(phi, extent, c.matrix, weights, memo, error);
    if (t >= common.first_tail) {
      R squares(0);
      for (std::size_t i = 0; i < n; ++i) {
        const R residual = sub(error[i], c.label[i]);
        squares = fmadd(residual, residual, squares);
      }
      add_compensated(state.squares, squares);
      add_compensated(state.squares + 2,
                      Recursion::slope_squares(phi, extent, c.weight, weights, memo));
    }
    if (common.noise == Noise::signs) {
      R* const words = noise.words + t % kSignsPerBlock / kSignsPerWord * n;
      if (kSamples > 0 && (begins || t % kSignsPerWord == 0)) {
        for (std::size_t i = 0; i < n; ++i) own_word[i] = words[i];
      }
      R* const word = kSamples > 0 ? own_word : words;
      for (std::size_t i = 0; i < n; ++i) {
        error[i] = sub(error[i], add(c.label[i], copy_sign(sigma, word[i])));
        word[i] = add_bits(word[i], word[i]); // the next sign moves up
      }
    } else if (common.noise == Noise::normal) {
      const R* const normal = noise.words + t % 4 * n;
      for (std::size_t i = 0; i < n; ++i) {
        error[i] = sub(error[i], noisy_label(c.label[i], sigma, normal[i]));
      }
    } else {
      for (std::size_t i = 0; i < n; ++i) error[i] = sub(error[i], c.label[i]);
    }
    if (common.batch == Batch::single) {
      using T = typename ValueTraits<R>::Scalar;
      for (std::size_t i = 0; i < n; ++i) {
        const R away = absolute(sub(noise.drawn[t % 4], R(static_cast<T>(i))));
        error[i] = select_less(away, R(T(0.5)), error[i], R(0));
      }
    }
    Recursion::descend(phi, extent, c.matrix, minus_step, error, weights, memo);
  }
  if constexpr (kWeights > 0) {
    for (std::size_t i = 0; i < kWeights; ++i) state.weights[i] = weights[i];
  }
}

} // namespace sharpsweep::label_noise
