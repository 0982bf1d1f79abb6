#include "host/analysis/max_margin.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace sharpsweep {
namespace {

/// Margins below this share of the data's size count as none.
constexpr double kLeastMargin = 1e-9;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}

/// The solution x of A x = b by Gaussian elimination with partial pivoting; nothing if A is
/// singular to rounding. \param a  n x n, row by row
std::optional<std::vector<double>> solve(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  double scale = 0;
  for (const double value : a) scale = std::max(scale, std::fabs(value));
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i) {
      if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
    }
    if (!(std::fabs(a[pivot * n + k]) > 1e-14 * scale)) return std::nullopt;
    for (std::size_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
    std::swap(b[k], b[pivot]);
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (std::size_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k * n + j] * b[j];
    b[k] /= a[k * n + k];
  }
  return b;
}

/// A point of the convex hull of the examples, with the affinely independent ones it combines.
class Corral {
public:
  Corral(std::span<const double> examples, std::size_t coordinates, std::size_t first, double scale)
      : examples_(examples), coordinates_(coordinates),
        scale_(scale), members_{first}, weights_{1} {}

  /// Moves to the point of least norm in the hull of the members and one more example. Returns
  /// false if that depends on the members: then rounding allows no improvement.
  bool add(std::size_t example) {
    members_.push_back(example);
    weights_.push_back(0);
    for (;;) {
      const auto target = nearest_in_affine_hull();
      if (!target) {
        if (weights_.back() == 0) {
          members_.pop_back();
          weights_.pop_back();
        }
        return false;
      }
      // As far towards the target as all weights stay positive; who gets to zero leaves.
      double part = 1;
      for (std::size_t k = 0; k < members_.size(); ++k) {
        const double aim = (*target)[k];
        if (aim < 0) part = std::min(part, weights_[k] / (weights_[k] - aim));
      }
      std::size_t kept = 0;
      for (std::size_t k = 0; k < members_.size(); ++k) {
        const double value = weights_[k] + part * ((*target)[k] - weights_[k]);
        if (part < 1 && value <= 1e-15) continue;
        weights_[kept] = value;
        members_[kept++] = members_[k];
      }
      const bool arrived = kept == members_.size();
      members_.resize(kept);
      weights_.resize(kept);
      if (arrived) return true;
    }
  }

  bool has(std::size_t example) const {
    return std::find(members_.begin(), members_.end(), example) != members_.end();
  }
  std::vector<double> point() const {
    std::vector<double> x(coordinates_, 0);
    for (std::size_t k = 0; k < members_.size(); ++k) {
      for (std::size_t j = 0; j < coordinates_; ++j) x[j] += weights_[k] * row(members_[k])[j];
    }
    return x;
  }
  std::vector<double> support(std::size_t examples) const {
    std::vector<double> all(examples, 0);
    for (std::size_t k = 0; k < members_.size(); ++k) all[members_[k]] = weights_[k];
    return all;
  }

private:
  std::span<const double> row(std::size_t i) const {
    return examples_.subspan(i * coordinates_, coordinates_);
  }
  /// As weights of sum 1: (G + e e^T) u = e, scaled, where G is the members' Gram matrix (Wolfe).
  std::optional<std::vector<double>> nearest_in_affine_hull() const {
    const std::size_t m = members_.size();
    std::vector<double> gram(m * m);
    for (std::size_t r = 0; r < m; ++r) {
      for (std::size_t c = 0; c < m; ++c) {
        gram[r * m + c] = dot(row(members_[r]), row(members_[c])) + scale_;
      }
    }
    auto u = solve(std::move(gram), std::vector<double>(m, 1));
    if (!u) return u;
    double sum = 0;
    for (const double value : *u) sum += value;
    for (double& value : *u) value /= sum;
    return u;
  }

  std::span<const double> examples_;
  std::size_t coordinates_;
  double scale_; ///< max |a_i|^2, in place of Wolfe's 1
  std::vector<std::size_t> members_;
  std::vector<double> weights_;
};

} // namespace

std::optional<MaxMargin> l2_max_margin(std::span<const double> signed_examples,
                                       std::size_t coordinates) {
  const std::size_t n = signed_examples.size() / coordinates;
  const auto row = [&](std::size_t i) {
    return signed_examples.subspan(i * coordinates, coordinates);
  };
  double largest = 0;
  std::size_t first = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double square = dot(row(i), row(i));
    largest = std::max(largest, square);
    if (square < dot(row(first), row(first))) first = i;
  }
  Corral corral(signed_examples, coordinates, first, largest);
  std::vector<double> x = corral.point();
  for (;;) {
    const double square = dot(x, x);
    if (!(square > kLeastMargin * kLeastMargin * largest)) return std::nullopt;
    std::size_t nearest = 0;
    for (std::size_t i = 1; i < n; ++i) {
      if (dot(row(i), x) < dot(row(nearest), x)) nearest = i;
    }
    // x is optimal when no example lies on the near side of the plane through it. Every round
    // lowers the norm, so no corral comes twice; one that doesn't is rounding at work.
    if (dot(row(nearest), x) >= square || corral.has(nearest)) break;
    Corral next = corral;
    if (!next.add(nearest)) break;
    std::vector<double> closer = next.point();
    if (!(dot(closer, closer) < square)) break;
    corral = std::move(next);
    x = std::move(closer);
  }

  MaxMargin result{x, 0, corral.support(n), true};
  const double norm = std::sqrt(dot(x, x));
  for (double& value : result.direction) value /= norm;
  for (std::size_t i = 0; i < n; ++i) {
    const double margin = dot(row(i), result.direction);
    result.margin = i == 0 ? margin : std::min(result.margin, margin);
  }
  if (!(result.margin > kLeastMargin * std::sqrt(largest))) return std::nullopt;
  return result;
}

std::optional<MaxMargin> l1_max_margin(std::span<const double> signed_examples,
                                       std::size_t coordinates) {
  const std::size_t d = coordinates, n = signed_examples.size() / d;
  double largest = 0;
  for (const double value : signed_examples) largest = std::max(largest, std::fabs(value));
  if (largest == 0) return std::nullopt;

  // Rows +-(sum_i u_i a_ij) + slack = 1, j = 0..d-1, in units of the largest |a_ij|; the last row
  // holds the reduced costs. u = 0 is feasible, so there is no first phase.
  const std::size_t rows = 2 * d, columns = n + rows, width = columns + 1;
  std::vector<double> table((rows + 1) * width, 0);
  std::vector<std::size_t> basis(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < n; ++i) {
      const double value = signed_examples[i * d + r % d] / largest;
      table[r * width + i] = r < d ? value : -value;
    }
    table[r * width + n + r] = 1;
    table[r * width + columns] = 1;
    basis[r] = n + r;
  }
  double* const cost = table.data() + rows * width;
  for (std::size_t i = 0; i < n; ++i) cost[i] = -1;

  constexpr double zero = 1e-11; // of entries that rounding may have left
  for (std::size_t pivots = 0;; ++pivots) {
    if (pivots > 1000 * columns) throw std::runtime_error("l1_max_margin: the simplex got lost");
    std::size_t entering = 0; // Bland: the first that improves
    while (entering < columns && cost[entering] >= -zero) ++entering;
    if (entering == columns) break;
    std::size_t leaving = rows;
    double least = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const double entry = table[r * width + entering];
      if (!(entry > zero)) continue;
      const double ratio = table[r * width + columns] / entry;
      const bool ties = leaving < rows && std::fabs(ratio - least) <= zero * (1 + least);
      if (leaving == rows || (ties ? basis[r] < basis[leaving] : ratio < least)) {
        leaving = r;
        least = ratio;
      }
    }
    if (leaving == rows) return std::nullopt; // the dual is unbounded
    double* const pivot_row = table.data() + leaving * width;
    const double pivot = pivot_row[entering];
    for (std::size_t c = 0; c < width; ++c) pivot_row[c] /= pivot;
    for (std::size_t r = 0; r <= rows; ++r) {
      const double factor = table[r * width + entering];
      if (r == leaving || factor == 0) continue;
      for (std::size_t c = 0; c < width; ++c) table[r * width + c] -= factor * pivot_row[c];
    }
    basis[leaving] = entering;
  }

  // The prices of the rows +j and -j are the positive and negative part of the primal v_j.
  MaxMargin result{std::vector<double>(d), 0, std::vector<double>(n), true};
  double norm = 0, total = 0;
  for (std::size_t j = 0; j < d; ++j) {
    result.direction[j] = std::max(cost[n + j], 0.0) - std::max(cost[n + d + j], 0.0);
    norm += std::fabs(result.direction[j]);
  }
  if (!(norm * kLeastMargin < 1)) return std::nullopt;
  for (double& value : result.direction) value /= norm;
  for (std::size_t r = 0; r < rows; ++r) {
    const double value = table[r * width + columns];
    if (basis[r] < n) {
      result.support[basis[r]] = value;
      total += value;
    }
    if (value <= 1e-9) result.unique = false; // a degenerate dual may have several primal solutions
  }
  for (double& value : result.support) value /= total;
  for (std::size_t i = 0; i < n; ++i) {
    const double value = dot(signed_examples.subspan(i * d, d), result.direction);
    result.margin = i == 0 ? value : std::min(result.margin, value);
  }
  return result;
}

} // namespace sharpsweep
