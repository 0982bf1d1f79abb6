#include "host/assembly.hpp"

#include <ctime>
#include <memory>

#include "host/analysis/phase_diagram.hpp"
#include "host/output/parts.hpp"
#include "host/output/reader.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[32] = "";
  if (::gmtime_r(&now, &utc)) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

/// The finished units as the groups of a file, which refers to the sweep and the results.
void add_units(const Sweep& sweep, const Results& results, const Coverage& done, Networks networks,
               Dataset& file) {
  struct Source {
    Work work;
    Placement place;
    UnitResult result;
  };
  for (Work& work : finished_work(sweep, done)) {
    const Placement place(work.sweep, sweep);
    const auto source = std::make_shared<Source>(Source{std::move(work), place, {}});
    const auto result_of = [&sweep, &results, source](std::size_t u,
                                                      Wanted wanted) -> const UnitResult& {
      const WorkUnit& unit = source->work.units[u];
      source->result =
          results.extract(sweep, source->work.sweep, source->place, unit, unit.seeds, wanted);
      return source->result;
    };
    file.groups.push_back(
        {units_group_name(file.groups.size()),
         units_to_group(source->work.sweep, source->work.units, result_of, networks)});
  }
}

void add_attributes(const Sweep& sweep, const std::string& title, const Origin& origin,
                    Dataset& file) {
  file.attributes = {{"title", title}, {"history", timestamp() + " " + origin.command_line}};
  const std::vector<Attribute> common = provenance(sweep);
  file.attributes.insert(file.attributes.end(), common.begin(), common.end());
  file.attributes.insert(file.attributes.end(), {
                                                    {"backend", origin.backend},
                                                    {"device", origin.device},
                                                    {"updates", sweep.updates()},
                                                    {"updates_computed", origin.updates_computed},
                                                    {"wall_seconds", origin.wall_seconds},
                                                });
}

} // namespace

void take_file(const Sweep& sweep, Results& results, const std::string& path) {
  const Dataset file = read_dataset(path);
  const std::string problem = obstacle(sweep_of_file(file, path), sweep, path);
  if (!problem.empty()) throw UsageError(problem);
  for (const FinishedUnits& finished : units_of_file(file, path)) {
    const std::string inner = obstacle(finished.sweep, sweep, path);
    if (!inner.empty()) throw UsageError(inner);
    const Placement place(finished.sweep, sweep);
    for (std::size_t u = 0; u < finished.units.size(); ++u) {
      results.take(sweep, finished.sweep, place, finished.units[u], finished.results[u]);
    }
  }
}

void take_parts(const Sweep& sweep, Results& results, const std::string& folder,
                const std::function<void(const std::string&)>& damaged,
                const std::atomic<bool>& stop) {
  for (const std::string& part : list_parts(folder)) {
    stop_if_asked(stop);
    try {
      take_file(sweep, results, part);
    } catch (const VersionError&) {
      throw; // it is whole, and not ours to compute again
    } catch (const FileError& error) {
      damaged(error.what());
    }
  }
}

Dataset result_file(const Sweep& sweep, const Results& results, const Origin& origin,
                    const std::atomic<bool>& stop) {
  Dataset file = phase_diagram(sweep, results, stop);
  add_attributes(sweep, std::string(model_named(sweep.model).title), origin, file);
  file.attributes.emplace_back("digest", digest(file));
  const bool all = missing_sentence(sweep, results.done).empty();
  add_units(sweep, results, results.done, all ? Networks::left_out : Networks::kept, file);
  return file;
}

Dataset shard_file(const Sweep& sweep, const Results& results, const Coverage& base, Shard shard,
                   const Origin& origin) {
  Coverage own = results.done;
  for (std::uint32_t block = 0; block < results.blocks; ++block) {
    for (std::size_t cell = 0; cell < results.cells; ++cell) {
      if (own.at(block, cell) == base.at(block, cell)) own.at(block, cell) = 0;
    }
  }
  Dataset file;
  add_attributes(sweep, "Shard of a sweep: finished work units, for 'sharpsweep merge'", origin,
                 file);
  file.attributes.emplace_back("shard", shard_text(shard));
  add_units(sweep, results, own, Networks::kept, file);
  return file;
}

std::string missing_sentence(const Sweep& sweep, const Coverage& done) {
  std::uint64_t missing = 0, all = 0;
  std::string first;
  for (std::uint32_t block = 0; block < seed_blocks(sweep); ++block) {
    for (std::size_t cell = 0; cell < sweep.cells(); ++cell) {
      const std::uint32_t seeds = seeds_of_block(sweep, block);
      all += seeds;
      missing += seeds - done.at(block, cell);
      if (!first.empty() || done.at(block, cell) == seeds) continue;
      first = sweep.describe(cell) + ", seed " +
              std::to_string(first_seed_of_block(sweep, block) + done.at(block, cell));
    }
  }
  if (missing == 0) return "";
  return std::to_string(missing) + " of " + std::to_string(all) +
         (sweep.coupled ? "" : " coordinates of") + " networks are missing, the first at " + first;
}

} // namespace sharpsweep
