/// \file
/// Small dense linear algebra on the host, from correctly rounded operations in one written order.
///
/// For theory and starts, where a matrix has as many rows as a network has samples (or a test has
/// parameters): plain O(n^3) loops, no blocking. Nothing here runs inside a training step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep::dense {

/// A row-major matrix of doubles, zero at first.
class Matrix {
public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t columns)
      : rows_(rows), columns_(columns), entries_(rows * columns) {}

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  double& operator()(std::size_t i, std::size_t j) { return entries_[i * columns_ + j]; }
  double operator()(std::size_t i, std::size_t j) const { return entries_[i * columns_ + j]; }
  std::span<double> row(std::size_t i) { return {&entries_[i * columns_], columns_}; }
  std::span<const double> row(std::size_t i) const { return {&entries_[i * columns_], columns_}; }
  std::span<double> entries() { return entries_; }
  std::span<const double> entries() const { return entries_; }

private:
  std::size_t rows_ = 0, columns_ = 0;
  std::vector<double> entries_;
};

/// The sum of a_i b_i, from the first to the last.
inline double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// A A^T: the kernel matrix of the rows of A.
inline Matrix gram(const Matrix& a) {
  Matrix product(a.rows(), a.rows());
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t k = 0; k < a.rows(); ++k) product(i, k) = dot(a.row(i), a.row(k));
  }
  return product;
}

/// Replaces a symmetric matrix by its Cholesky factor L (A = L L^T, zeros above the diagonal), and
/// reads no entry above the diagonal. \return false when A is not positive definite
inline bool cholesky(Matrix& a) {
  for (std::size_t j = 0; j < a.rows(); ++j) {
    const auto head = [&a, j](std::size_t i) { return std::as_const(a).row(i).first(j); };
    const double pivot = a(j, j) - dot(head(j), head(j));
    if (!(pivot > 0) || !is_finite(pivot)) return false;
    a(j, j) = square_root(pivot);
    for (std::size_t i = j + 1; i < a.rows(); ++i) {
      a(i, j) = (a(i, j) - dot(head(i), head(j))) / a(j, j);
      a(j, i) = 0;
    }
  }
  return true;
}

/// b <- L^-1 b
inline void solve_lower(const Matrix& l, std::span<double> b) {
  for (std::size_t i = 0; i < b.size(); ++i) {
    b[i] = (b[i] - dot(l.row(i).first(i), b.first(i))) / l(i, i);
  }
}

/// b <- L^-T b
inline void solve_lower_transposed(const Matrix& l, std::span<double> b) {
  for (std::size_t i = b.size(); i-- > 0;) {
    for (std::size_t k = i + 1; k < b.size(); ++k) b[i] -= l(k, i) * b[k];
    b[i] /= l(i, i);
  }
}

/// b <- (L L^T)^-1 b
inline void solve_cholesky(const Matrix& l, std::span<double> b) {
  solve_lower(l, b);
  solve_lower_transposed(l, b);
}

/// L^T A L for symmetric A and lower triangular L: it has the inertia of A (Sylvester) and the
/// eigenvalues of L L^T A.
inline Matrix congruent(const Matrix& a, const Matrix& l) {
  const std::size_t n = a.rows();
  Matrix half(n, n), result(n, n); // half = A L
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = j; k < n; ++k) half(i, j) += a(i, k) * l(k, j);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = i; k < n; ++k) result(i, j) += l(k, i) * half(k, j);
    }
  }
  return result;
}

/// The eigenvalues of a symmetric matrix in ascending order, by cyclic Jacobi rotations: absolute
/// errors of about n units of the last place of the largest one. NaN for a matrix that is not
/// finite.
inline std::vector<double> symmetric_eigenvalues(Matrix a) {
  const std::size_t n = a.rows();
  constexpr int kMaxSweeps = 60; // converges quadratically: 10 are many
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    double off_diagonal = 0, all = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        all += a(i, j) * a(i, j);
        if (j != i) off_diagonal += a(i, j) * a(i, j);
      }
    }
    if (!is_finite(all)) return std::vector<double>(n, all - all); // NaN has no place in a sort
    if (!(off_diagonal > 1e-36 * all)) break;
    for (std::size_t p = 0; p < n; ++p) {
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a(p, q) == 0) continue;
        // tan of the angle that zeroes a_pq: the smaller root of t^2 + 2 cot(2 angle) t = 1.
        const double cotangent = (a(q, q) - a(p, p)) / (2 * a(p, q));
        const double magnitude = cotangent < 0 ? -cotangent : cotangent;
        const double root = magnitude + square_root(magnitude * magnitude + 1);
        const double t = (cotangent < 0 ? -1 : 1) / root;
        const double cosine = 1 / square_root(t * t + 1), sine = t * cosine;
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a(k, p), y = a(k, q);
          a(k, p) = cosine * x - sine * y;
          a(k, q) = sine * x + cosine * y;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double x = a(p, k), y = a(q, k);
          a(p, k) = cosine * x - sine * y;
          a(q, k) = sine * x + cosine * y;
        }
      }
    }
  }
  std::vector<double> eigenvalues(n);
  for (std::size_t i = 0; i < n; ++i) eigenvalues[i] = a(i, i);
  std::sort(eigenvalues.begin(), eigenvalues.end());
  return eigenvalues;
}

} // namespace sharpsweep::dense
