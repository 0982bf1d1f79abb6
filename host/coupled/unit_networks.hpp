/// \file
/// The networks of a work unit of a coupled model on the host, whatever trains them: their start,
/// their order parameters and the reduction over seeds.
#pragma once

#include <cstdint>
#include <vector>

#include "sharpsweep/sweep/results.hpp"
#include "sharpsweep/sweep/sweep.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {

class UnitNetworks {
public:
  /// One network, [configuration][seed to train] in the unit.
  struct Network {
    Shape shape;
    Sizes sizes;
    NoiseKey noise;
    std::vector<double> constants, state; ///< state: as it was last put there
    bool started = false;                 ///< false: there is no such network
  };

  UnitNetworks(const Sweep& sweep, const WorkUnit& unit);

  std::vector<Network>& networks() { return networks_; }

  /// Finds the order parameters of network `index` from its state.
  /// \param time  the record time; the number of record times: the end
  void observe(std::size_t index, std::size_t time, std::uint64_t step);

  /// The unit's results, when every network has been observed at every time.
  /// \param earlier  the states of the unit's earlier seeds, if it has any
  UnitResult reduce(UnitResult earlier) const;
  std::size_t count_diverged() const;

private:
  const double* outcome(std::size_t time, std::size_t index) const;

  const Sweep& sweep_;
  WorkUnit unit_;
  std::size_t times_, parameters_;
  std::vector<Network> networks_;
  std::vector<double> values_;         ///< [time][network][parameter]
  std::vector<std::uint8_t> finished_; ///< [time][network]
};

} // namespace sharpsweep
