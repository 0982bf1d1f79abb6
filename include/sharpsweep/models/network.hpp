/// \file
/// What a coupled model is: the interface between a model and the backends that train it.
///
/// The coordinates of a coupled network talk to each other in every step. One lane of a value type
/// (a SIMD lane on a CPU, a thread on a GPU) is one network; a step loops over its coordinates, so
/// that its sums have the order in which the model writes them down, on every backend.
///
/// A model is a class M of which one object holds what the keys of a sweep file say, and with
///
///     static constexpr std::string_view name, title, reference, summary;
///     static std::span<const Key> keys();         in the order of the output's dimensions
///     M(const KeyReader& keys, std::span<const Axis> axes);
///                                                 reads its keys; throws UsageError
///     std::vector<OrderParameterInfo> order_parameters() const;
///     std::vector<OrderParameterInfo> predictions() const;
///                                                 further numbers of theory, one for every cell
///     Shape shape(const Point&) const;
///     static Sizes sizes(const Shape&);
///     bool start(const Point&, NoiseKey, double* constants, double* state) const;
///                                                 false: there is no such network (`diverged`)
///     template <class R>
///     static void advance(const Shape&, const Steps&, const NoiseLanes&, const R* constants,
///                         R* state, R* work);
///     bool observe(const Point&, std::uint64_t step, const double* constants,
///                  const double* state, double* values) const;
///     void predict(const Point&, double* values) const;
///     static bool few_numbers(const Shape&);      optional: see below
///
/// start, observe and predict run on the host, in double, and may allocate; they must be
/// deterministic: no libm between a sweep and a result. advance runs everywhere: it neither
/// allocates nor branches on a value, and takes its functions from numerics/. `values` of observe
/// has every order parameter in turn (`count` numbers each), that of predict the same and then the
/// predictions; NaN where there is none. observe returns false where a network has diverged.
///
/// A model with few_numbers is also compiled for wide tiles (kWideTile<R>, pack.hpp), which hide
/// the latency of small networks; advance then serves the shapes of which few_numbers is true, and
/// leaves out the code of all others with `if constexpr`, so that little more is compiled.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {

/// One order parameter, or one number of theory, as the output file describes it.
struct OrderParameterInfo {
  std::string name;
  std::string units;
  std::string long_name;
  std::size_t count = 1;   ///< numbers per network
  std::string dimension{}; ///< which counts them from 1; empty: a single number
};

/// A configuration: one value of every axis.
class Point {
public:
  Point(std::span<const Axis> axes, std::span<const std::size_t> index)
      : axes_(axes), index_(index) {}
  bool has(std::string_view axis) const {
    for (const Axis& a : axes_) {
      if (a.name == axis) return true;
    }
    return false;
  }
  /// The value on an axis; of an axis of words, the position of its word among the key's words.
  /// NaN when there is no such axis.
  double operator[](std::string_view axis) const {
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      if (axes_[i].name == axis) return axes_[i].values[index_[i]];
    }
    return kNone;
  }

private:
  std::span<const Axis> axes_;
  std::span<const std::size_t> index_;
};

/// What networks must have in common to be trained side by side: sizes and choices, whose meaning
/// is the model's own.
struct Shape {
  std::int32_t word[8] = {}; // std::array cannot be read on a device
  bool operator==(const Shape&) const = default;
  bool operator<(const Shape& other) const {
    return std::lexicographical_compare(word, word + 8, other.word, other.word + 8);
  }
};

/// How many numbers a network needs of each kind.
struct Sizes {
  std::size_t constants; ///< that no step changes
  std::size_t state;     ///< of which the first `weights` are what is trained
  std::size_t weights;
  std::size_t work; ///< scratch of one step
  SHARPSWEEP_INLINE std::size_t all() const { return constants + state + work; }
};
/// Of all kinds together.
inline constexpr std::size_t kMaxNetworkNumbers = 16384;

/// Steps first, first + 1, ..., first + count - 1 (0-based) of `total`.
struct Steps {
  std::uint64_t first;
  std::uint32_t count;
  std::uint64_t total;
};

/// What addresses the noise of a network (numerics/streams.hpp).
struct NoiseKey {
  std::uint64_t key;
  std::uint32_t seed;
};
/// The same of every lane of a value type.
struct NoiseLanes {
  const std::uint64_t* key;
  const std::uint32_t* seed;
};

} // namespace sharpsweep
