#include "host/analysis/phase_diagram.hpp"

#include <algorithm>
#include <bit>

#include "host/analysis/parallel.hpp"
#include "host/analysis/ssam_diagram.hpp"
#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

using Integers = std::vector<std::int64_t>;
using Columns = std::vector<std::vector<double>>;

std::vector<std::string> cell_dimensions(const Sweep& sweep) {
  std::vector<std::string> names;
  for (const Axis& axis : sweep.axes()) names.push_back(axis.name);
  return names;
}

std::vector<std::string> with(std::vector<std::string> dimensions, const std::string& last) {
  if (!last.empty()) dimensions.push_back(last);
  return dimensions;
}

/// 1, 2, ..., n as a coordinate.
Variable numbers_axis(const std::string& name, std::size_t n, const std::string& text) {
  Integers values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<std::int64_t>(i) + 1;
  return {name, {name}, std::move(values), "1", text};
}

Variable axis_variable(const Axis& axis) {
  if (axis.words.empty() && axis.name != "depth") {
    return {axis.name, {axis.name}, axis.values, "1", axis.long_name};
  }
  Integers codes;
  for (const double value : axis.values) codes.push_back(static_cast<std::int64_t>(value));
  if (axis.words.empty()) return {axis.name, {axis.name}, std::move(codes), "1", axis.long_name};
  std::string meanings;
  for (std::string word : axis.words) {
    // CF allows letters, digits and _-.+@ in a flag's meaning: balanced(0.2) reads balanced_0.2.
    std::replace_if(
        word.begin(), word.end(), [](char c) { return c == '(' || c == ','; }, '_');
    if (word.back() == ')') word.pop_back();
    meanings += (meanings.empty() ? "" : " ") + word;
  }
  return {axis.name, {axis.name},    codes,
          "1",       axis.long_name, {{"flag_values", codes}, {"flag_meanings", meanings}}};
}

void add_coordinates(const Sweep& sweep, Dataset& data) {
  for (const Axis& axis : sweep.axes()) data.coordinates.push_back(axis_variable(axis));
  if (sweep.save != Save::mean) {
    Integers seeds(sweep.seeds);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      seeds[i] = sweep.first_seed + static_cast<std::int64_t>(i);
    }
    data.coordinates.push_back({"seed", {"seed"}, seeds, "1", "number of the replicate"});
  }
  if (sweep.save == Save::weights) {
    data.coordinates.push_back(
        sweep.coupled ? numbers_axis("weight_number", sweep.most_weights(), "number of the weight")
                      : numbers_axis("layer", sweep.most_weights(), "layer l, from 1"));
  }
  if (sweep.record > 0) {
    const std::vector<std::uint64_t> steps = sweep.record_steps();
    data.coordinates.push_back(
        {"step", {"step"}, Integers(steps.begin(), steps.end()), "1", "number of updates made"});
  }
  if (!sweep.coupled) return;
  for (const auto* list : {&sweep.coupled->order_parameters(), &sweep.coupled->predictions()}) {
    for (const OrderParameterInfo& info : *list) {
      const auto is_it = [&](const Variable& other) { return other.name == info.dimension; };
      if (info.dimension.empty() ||
          std::any_of(data.coordinates.begin(), data.coordinates.end(), is_it)) {
        continue;
      }
      data.coordinates.push_back(
          numbers_axis(info.dimension, info.count, "number of the " + info.dimension));
    }
  }
}

/// The states of all cells merged over their seed blocks, in ascending order: a column for each
/// order parameter, [cell][time][number], with a `time` for a path. Throws Interrupted.
struct Merged {
  Merged(const Sweep& sweep, const Results& results, const StateTable& table, std::size_t times,
         const std::atomic<bool>& stop)
      : infos(sweep.order_parameters()), mean(infos.size()), deviation(infos.size()) {
    const std::size_t targets = sweep.cells_per_network(), parameters = table.parameters();
    for (std::size_t x = 0; x < infos.size(); ++x) {
      mean[x].reserve(results.cells * times * infos[x].count);
      deviation[x].reserve(results.cells * times * infos[x].count);
    }
    CellStates row;
    for (std::size_t configuration = 0; configuration < results.configurations; ++configuration) {
      stop_if_asked(stop);
      std::vector<Total> totals(targets * times);
      std::vector<Moments> moments(totals.size() * parameters);
      for (std::uint32_t block = 0; block < results.blocks; ++block) {
        for (std::size_t time = 0; time < times; ++time) {
          table.load(results.row_of(block, configuration, time, times), row);
          for (std::size_t t = 0; t < targets; ++t) {
            Total& total = totals[t * times + time];
            Moments* own = &moments[(t * times + time) * parameters];
            for (std::size_t x = 0; x < parameters; ++x) {
              own[x].merge(total.finished, row.of(t)[x], row.finished[t]);
            }
            total.finished += row.finished[t];
            total.diverged += row.diverged[t];
            total.survivors += static_cast<unsigned>(std::popcount(row.survivors[t]));
          }
        }
      }
      for (std::size_t t = 0; t < targets; ++t) {
        const bool complete = results.complete(sweep, configuration * targets + t);
        for (std::size_t i = t * times; i < (t + 1) * times; ++i) {
          append(complete ? totals[i] : Total{}, moments.data() + i * parameters);
        }
        if (times == 1) total.push_back(complete ? totals[t] : Total{});
      }
    }
  }

  std::vector<OrderParameterInfo> infos;
  Columns mean, deviation;
  struct Total {
    std::uint64_t finished = 0, diverged = 0, survivors = 0;
  };
  std::vector<Total> total; ///< [cell], of a single time; zero where not all seeds are done

private:
  void append(const Total& own, const Moments* moments) {
    for (std::size_t x = 0; x < infos.size(); ++x) {
      for (std::size_t i = 0; i < infos[x].count; ++i, ++moments) {
        mean[x].push_back(own.finished > 0 ? moments->mean : kNone);
        deviation[x].push_back(own.finished > 0 ? moments->deviation(own.finished) : kNone);
      }
    }
  }
};

/// \param suffix  of names, before _mean and _std
/// \param where  in long names: "" or "along ... "
void add_moments(Merged&& merged, const std::string& suffix, const std::string& where,
                 const std::vector<std::string>& dimensions, Dataset& data) {
  for (std::size_t x = 0; x < merged.infos.size(); ++x) {
    const OrderParameterInfo& info = merged.infos[x];
    const std::vector<std::string> own = with(dimensions, info.dimension);
    const auto add = [&](const char* name, std::vector<double>& values, const char* moment) {
      data.variables.push_back({info.name + suffix + name, own, std::move(values), info.units,
                                moment + (" over seeds " + where) + "of " + info.long_name});
    };
    add("_mean", merged.mean[x], "mean");
    add("_std", merged.deviation[x], "standard deviation");
  }
}

void add_order_parameters(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop,
                          Dataset& data) {
  const std::vector<std::string> dimensions = cell_dimensions(sweep);
  Merged merged(sweep, results, results.state, 1, stop);
  std::vector<double> survival, diverged;
  Integers finished;
  std::vector<std::uint8_t> status;
  const double seeds = sweep.seeds;
  for (std::size_t cell = 0; cell < results.cells; ++cell) {
    const bool complete = results.complete(sweep, cell);
    const Merged::Total& total = merged.total[cell];
    status.push_back(complete ? 1 : 0);
    survival.push_back(complete ? static_cast<double>(total.survivors) / seeds : kNone);
    diverged.push_back(complete ? static_cast<double>(total.diverged) / seeds : kNone);
    finished.push_back(static_cast<std::int64_t>(total.finished));
  }
  add_moments(std::move(merged), "", "", dimensions, data);
  if (!sweep.coupled) {
    data.variables.push_back({"survival", dimensions, std::move(survival), "1",
                              "fraction of the seeds with shrinkage of at least survival_level"});
  }
  data.variables.push_back({"diverged", dimensions, std::move(diverged), "1",
                            "fraction of the seeds whose weights left the finite range"});
  data.variables.push_back(
      {"seeds_finished", dimensions, std::move(finished), "1", "number of seeds that finished"});
  data.variables.push_back({"status",
                            dimensions,
                            std::move(status),
                            "1",
                            "state of the cell",
                            {{"flag_values", Integers{0, 1}}, {"flag_meanings", "missing done"}}});
}

/// X_theory of every order parameter that has some, and the model's further predictions.
void add_coupled_theory(const Sweep& sweep, const std::atomic<bool>& stop, Dataset& data) {
  const std::vector<OrderParameterInfo>& measured = sweep.coupled->order_parameters();
  std::vector<OrderParameterInfo> infos = measured;
  for (OrderParameterInfo& info : infos) {
    info.name += "_theory";
    info.long_name = "prediction of " + info.long_name;
  }
  infos.insert(infos.end(), sweep.coupled->predictions().begin(),
               sweep.coupled->predictions().end());
  std::size_t size = 0;
  Columns columns;
  for (const OrderParameterInfo& info : infos) {
    columns.emplace_back(sweep.cells() * info.count);
    size += info.count;
  }
  parallel_for(sweep.cells(), stop, [&](std::size_t cell) {
    std::vector<double> values(size, kNone);
    sweep.with_point(cell,
                     [&](const Point& point) { sweep.coupled->predict(point, values.data()); });
    const double* next = values.data();
    for (std::size_t x = 0; x < infos.size(); ++x) {
      for (std::size_t i = 0; i < infos[x].count; ++i) {
        columns[x][cell * infos[x].count + i] = *next++;
      }
    }
  });
  const std::vector<std::string> dimensions = cell_dimensions(sweep);
  for (std::size_t x = 0; x < infos.size(); ++x) {
    const auto is_none = [](double value) { return value != value; };
    const bool none = std::all_of(columns[x].begin(), columns[x].end(), is_none);
    if (x < measured.size() && none) continue; // no theory of this one
    data.variables.push_back({infos[x].name, with(dimensions, infos[x].dimension),
                              std::move(columns[x]), infos[x].units, infos[x].long_name});
  }
}

void add_paths(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop,
               Dataset& data) {
  if (sweep.record == 0) return;
  add_moments(Merged(sweep, results, results.path, sweep.record, stop), "_path", "along the run ",
              with(cell_dimensions(sweep), "step"), data);
}

void add_seed_values(const Sweep& sweep, const Results& results, Dataset& data) {
  if (sweep.save == Save::mean) return;
  const auto dimensions = with(cell_dimensions(sweep), "seed");
  const std::size_t networks = results.cells * sweep.seeds;
  std::size_t number = 0;
  for (const OrderParameterInfo& info : sweep.order_parameters()) {
    std::vector<double> values(networks * info.count); // [cell][seed][number]
    for (std::size_t i = 0; i < info.count; ++i, ++number) {
      for (std::size_t n = 0; n < networks; ++n) {
        values[n * info.count + i] = results.seed_value[number * networks + n];
      }
    }
    data.variables.push_back({info.name, with(dimensions, info.dimension), std::move(values),
                              info.units, info.long_name});
  }
  if (sweep.save != Save::weights) return;
  data.variables.push_back(
      {"weight", with(dimensions, sweep.coupled ? "weight_number" : "layer"), results.weight, "1",
       sweep.coupled ? "final weight; NaN beyond the network's weights or if diverged"
                     : "final weight w_l; NaN beyond the network's depth or if "
                       "diverged"});
}

} // namespace

Dataset phase_diagram(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop) {
  Dataset data;
  add_coordinates(sweep, data);
  if (!sweep.coupled) add_ssam_coordinates(sweep, data);
  add_order_parameters(sweep, results, stop, data);
  if (sweep.coupled) {
    add_coupled_theory(sweep, stop, data);
  } else {
    add_ssam_theory(sweep, results, stop, data);
  }
  add_paths(sweep, results, stop, data);
  add_seed_values(sweep, results, data);
  if (!sweep.coupled) name_ssam_coordinates(data);
  return data;
}

} // namespace sharpsweep
