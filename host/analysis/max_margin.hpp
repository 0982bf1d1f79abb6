/// \file
/// The max-margin directions of a data set: what classifiers of infinitely long training tend to.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace sharpsweep {

/// The direction v of unit norm with the largest least margin min_i <a_i, v>, a_i = y_i x_i.
struct MaxMargin {
  std::vector<double> direction;
  double margin;
  /// Weights of the examples, >= 0 and of sum 1: the dual solution. Its combination sum_i s_i a_i
  /// has a dual norm (l_2 for l_2, largest magnitude for l_1) equal to the margin, and that of no
  /// other weights is smaller, which certifies both.
  std::vector<double> support;
  /// Whether it is certain that no other direction has the same margin; always so for l_2.
  bool unique;
};

/// Of unit l_2 norm: Wolfe's algorithm for the point of least norm in the convex hull of the a_i
/// (Math. Programming 11, 1976). An active-set method, so finite; its direction is off by a few
/// roundings times max |a_i| / margin.
/// \param signed_examples  a_ij at [i * coordinates + j]; finite, at least one example
/// \return nothing if the data are not separable, which is a margin of less than 1e-9 max |a_i|
std::optional<MaxMargin> l2_max_margin(std::span<const double> signed_examples,
                                       std::size_t coordinates);

/// Of unit l_1 norm: a dense simplex with Bland's rule for the dual linear program
/// max sum_i u_i, |sum_i u_i a_ij| <= 1, u >= 0. Among several directions it gives a vertex.
/// Parameters and return value as above, with max |a_ij|.
std::optional<MaxMargin> l1_max_margin(std::span<const double> signed_examples,
                                       std::size_t coordinates);

} // namespace sharpsweep
