/// \file
/// Finished work units on disk: what parts, shards and result files carry alike, and what resuming
/// and merging take over.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "host/dataset.hpp"
#include "host/results.hpp"
#include "sharpsweep/sweep/results.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {

/// Units of one sweep with their results.
struct FinishedUnits {
  Sweep sweep; ///< whose configurations and targets the units index
  std::vector<WorkUnit> units;
  std::vector<UnitResult> results; ///< as many
};

/// Whether order parameters and weights of single networks are kept in the units: not where the
/// result variables hold them anyway.
enum class Networks { kept, left_out };

/// Tells at least what is wanted of the result of a unit, by its place in a list. It is valid until
/// the next call.
using ResultOfUnit = std::function<const UnitResult&(std::size_t, Wanted)>;

/// A group of a file that holds units of a sweep, named `units`, `units_1`, ... in its file. Each
/// unit has its identity beside it. While the group is written it asks for each result again for
/// each variable, so that only one needs to be in memory.
Dataset units_to_group(const Sweep& sweep, const std::vector<WorkUnit>& units,
                       const ResultOfUnit& result_of, Networks networks);

/// All units of a file. Where single networks were left out, they come from the file's result
/// variables. Throws FileError when the file is no such file, is not consistent or has another
/// numeric version. \param path  of the file, for errors
std::vector<FinishedUnits> units_of_file(const Dataset& file, const std::string& path);

/// The root attributes that every file has which carries units: model, sweep, versions.
std::vector<Attribute> provenance(const Sweep& sweep);

/// The sweep that a file was made for. Throws FileError; VersionError for another numeric version.
Sweep sweep_of_file(const Dataset& file, const std::string& path);

/// "units", "units_1", ...: the name of the i-th group of units.
std::string units_group_name(std::size_t i);

} // namespace sharpsweep
