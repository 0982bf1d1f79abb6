// Small dense linear algebra against definitions and known spectra.

#include "sharpsweep/numerics/dense.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sharpsweep::dense {
namespace {

Matrix random_matrix(std::size_t rows, std::size_t columns, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Matrix a(rows, columns);
  for (double& entry : a.entries()) entry = normal(random);
  return a;
}

TEST(Cholesky, FactorsAndSolves) {
  for (const std::size_t n : {1u, 2u, 5u, 12u}) {
    const Matrix a = gram(random_matrix(n, 2 * n, static_cast<unsigned>(n)));
    Matrix l = a;

    ASSERT_TRUE(cholesky(l));

    const Matrix product = gram(l);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        EXPECT_NEAR(product(i, j), a(i, j), 1e-14 * a(i, i) * a(j, j));
        EXPECT_EQ(j > i ? l(i, j) : 0, 0);
      }
    }
    std::vector<double> x(n), b(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) x[i] = 1 + static_cast<double>(i);
    for (std::size_t i = 0; i < n; ++i) b[i] = dot(a.row(i), x);
    solve_cholesky(l, b);
    for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(b[i], x[i], 1e-11);
  }
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  Matrix indefinite(2, 2), nan(1, 1);
  indefinite(0, 0) = indefinite(1, 1) = 1;
  indefinite(0, 1) = indefinite(1, 0) = 1.0001;
  nan(0, 0) = std::nan("");

  EXPECT_FALSE(cholesky(indefinite));
  EXPECT_FALSE(cholesky(nan));
}

TEST(SymmetricEigenvalues, OfTheSecondDifference) {
  // 2 on the diagonal, -1 beside it: 4 sin^2(k pi / 2(n+1)).
  const std::size_t n = 30;
  Matrix a(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    a(i, i) = 2;
    if (i > 0) a(i, i - 1) = a(i - 1, i) = -1;
  }

  const std::vector<double> eigenvalues = symmetric_eigenvalues(a);

  for (std::size_t k = 0; k < n; ++k) {
    const double half = std::sin(static_cast<double>(k + 1) * M_PI / (2 * (n + 1)));
    EXPECT_NEAR(eigenvalues[k], 4 * half * half, 1e-13); // 2e-14
  }
}

TEST(SymmetricEigenvalues, OfDiagonalAndSingularMatrices) {
  Matrix diagonal(3, 3);
  diagonal(0, 0) = 3;
  diagonal(1, 1) = -1;
  EXPECT_EQ(symmetric_eigenvalues(diagonal), (std::vector<double>{-1, 0, 3}));
  EXPECT_EQ(symmetric_eigenvalues(Matrix(2, 2)), (std::vector<double>{0, 0}));

  const std::vector<double> of_rank_two = symmetric_eigenvalues(gram(random_matrix(5, 2, 1)));
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(of_rank_two[k], 0, 1e-14);
  EXPECT_GT(of_rank_two[3], 0.1);

  diagonal(0, 2) = std::nan("");
  EXPECT_TRUE(std::isnan(symmetric_eigenvalues(diagonal)[0]));
}

TEST(Congruent, HasTheSpectrumOfTheProduct) {
  // L^T A L of a diagonal A: trace and trace of the square are those of L L^T A.
  const std::size_t n = 4;
  Matrix kernel = gram(random_matrix(n, 6, 2)), l = kernel, a(n, n);
  ASSERT_TRUE(cholesky(l));
  for (std::size_t i = 0; i < n; ++i) a(i, i) = i < 2 ? -1 - static_cast<double>(i) : 2;

  const std::vector<double> eigenvalues = symmetric_eigenvalues(congruent(a, l));

  double trace = 0, squares = 0, expected = 0, expected_squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    trace += eigenvalues[i];
    squares += eigenvalues[i] * eigenvalues[i];
    expected += kernel(i, i) * a(i, i);
    for (std::size_t k = 0; k < n; ++k) {
      expected_squares += kernel(i, k) * a(k, k) * kernel(k, i) * a(i, i);
    }
  }
  EXPECT_NEAR(trace, expected, 1e-13 * squares);
  EXPECT_NEAR(squares, expected_squares, 1e-13 * squares);
  EXPECT_LT(eigenvalues[1], 0); // two negative, as in A
  EXPECT_GT(eigenvalues[2], 0);
}

} // namespace
} // namespace sharpsweep::dense
