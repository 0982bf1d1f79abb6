/// \file
/// Runs of the recursion of models/sam_classification.hpp for its tests.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "sharpsweep/models/sam_classification.hpp"

namespace sharpsweep::sam_classification {

using Numbers = std::vector<double>;

/// One network in training, in the arithmetic of R.
template <class R>
class NetworkOf {
public:
  /// \param examples  y_i x_ij, row by row; as many columns as there are scales
  NetworkOf(Rule rule, Clock clock, int depth, const Numbers& examples, const Numbers& scales,
            double step_size, double rho, const Start& start = {})
      : depth_(depth), rule_(rule), clock_(clock), examples_(examples.begin(), examples.end()),
        buffer_(Workspace<R>::size(depth, scales.size(), examples.size() / scales.size())) {
    for (int l = 0; l < depth; ++l) {
      for (const double scale : scales) {
        w.push_back(static_cast<R>(initial_weight(start, depth, l, scale, 1)));
      }
    }
    problem = {scales.size(),       examples.size() / scales.size(),
               examples_.data(),    static_cast<R>(step_size),
               static_cast<R>(rho), static_cast<R>(default_weight_limit(depth))};
  }
  NetworkOf(const NetworkOf&) = delete;
  NetworkOf& operator=(const NetworkOf&) = delete;

  void step() {
    const Workspace<R> workspace(buffer_.data(), depth_, problem.coordinates);
    train(rule_, clock_, depth_, problem, w.data(), track, workspace, 1);
  }
  void run(int steps) {
    for (int k = 0; k < steps && running(); ++k) step();
  }
  void run_to(double tau) {
    while (running() && static_cast<double>(track.tau) < tau) step();
  }

  bool running() const { return track.running > 0; }
  double tau() const { return static_cast<double>(track.tau); }
  double phi() const { return static_cast<double>(track.phi); }
  std::size_t size() const { return problem.coordinates; }
  double weight(std::size_t j, int layer = 0) const {
    return static_cast<double>(w[static_cast<std::size_t>(layer) * size() + j]);
  }
  double product(std::size_t j) const {
    double p = 1;
    for (int l = 0; l < depth_; ++l) p *= weight(j, l);
    return p;
  }
  Numbers products() const {
    Numbers all;
    for (std::size_t j = 0; j < size(); ++j) all.push_back(product(j));
    return all;
  }
  int leader() const {
    std::size_t first = 0;
    for (std::size_t j = 1; j < size(); ++j) first = product(j) > product(first) ? j : first;
    return static_cast<int>(first);
  }
  /// N of a balanced network of one example at L = 2.
  double norm() const {
    double square = 0;
    for (std::size_t k = 0; k < w.size(); ++k) {
      const double g = static_cast<double>(problem.signed_examples[k % size()]) *
                       static_cast<double>(w[(k + size()) % w.size()]);
      square += g * g;
    }
    return std::sqrt(square);
  }

  Problem<R> problem{};
  Track<R> track;
  std::vector<R> w; ///< [layer][coordinate]

private:
  int depth_;
  Rule rule_;
  Clock clock_;
  std::vector<R> examples_, buffer_;
};

using Network = NetworkOf<double>;

/// Expects a measured error within its tolerance and prints both.
inline void measured(const std::string& what, double error, double tolerance) {
  std::printf("             %-64s %9.2e <= %.1e\n", what.c_str(), error, tolerance);
  EXPECT_LE(error, tolerance) << what;
}

/// Expects no mismatch outside the margin and prints how many lay within it.
inline void counted(const std::string& what, int checks, int mismatches, int excluded) {
  std::printf("             %-64s %d mismatches of %d, %d within the margin\n", what.c_str(),
              mismatches, checks, excluded);
  EXPECT_EQ(mismatches, 0) << what;
  EXPECT_GT(checks, 0) << what;
}

/// Expects errors at steps eta, eta / 2, eta / 4 to fall by two each: an error of first order.
inline void first_order(const std::string& what, const Numbers& errors, double tolerance) {
  measured(what, errors.front(), tolerance);
  for (std::size_t k = 1; k < errors.size(); ++k) {
    EXPECT_NEAR(errors[k - 1] / errors[k], 2, 0.1) << what;
  }
}

} // namespace sharpsweep::sam_classification
